import type { AccessToken, TokenCredential } from '@azure/identity'

/** What a credential is asked with. */
export interface AskOptions {
  abortSignal: AbortSignal
}

/** A credential that events and errors can call by its name. */
export abstract class NamedCredential implements TokenCredential {
  /** The name of its class in `@azure/identity`, or of the user's own. */
  readonly name: string
  /** Whether a person has to do something first. */
  readonly interactive: boolean

  constructor(name: string, interactive: boolean) {
    this.name = name
    this.interactive = interactive
  }

  abstract getToken(scope: string, options: AskOptions): Promise<AccessToken | null>
}
