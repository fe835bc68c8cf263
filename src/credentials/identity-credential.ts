import type { AccessToken, TokenCredential } from '@azure/identity'
import type { SignIn } from '../config/sign-in.ts'
import { hearRefusals, withRefusals } from './authority-refusals.ts'
import { type Cloud, PUBLIC_CLOUD } from './clouds.ts'
import { type Environment, type IdentityOptions, type Make, METHODS } from './methods.ts'
import { type AskOptions, NamedCredential } from './named-credential.ts'
import { type Identity, usePlugin } from './plugin.ts'

/** Where a credential signs in, and how it gets there. */
export interface Surroundings {
  cloud: Cloud
  /** Laid over the options that the credential is made with. */
  options?: IdentityOptions | undefined
}

/** All that tells one sign-in from another. */
const DETAILS = [
  'method',
  'tenantId',
  'clientId',
  'objectId',
  'resourceId',
  'loginHint',
  'certificatePath',
  'secret',
] as const satisfies readonly (keyof SignIn)[]

const known: IdentityCredential[] = []

/**
 * The credential for a sign-in: one for the life of the process, since the caches of `@azure/identity` are each
 * credential's own.
 *
 * @throws EntraError `CONFIG_INVALID` where the sign-in lacks something
 */
export function identityCredential(signIn: SignIn, surroundings: Surroundings): IdentityCredential {
  const found = known.find((credential) => credential.serves(signIn, surroundings))
  if (found !== undefined) return found
  const credential = new IdentityCredential(signIn, surroundings, process.env)
  known.push(credential)
  return credential
}

/** A credential of `@azure/identity`, which takes some 200 ms to load: it is loaded when the first token is asked for. */
export class IdentityCredential extends NamedCredential {
  readonly #signIn: SignIn
  readonly #surroundings: Surroundings
  readonly #environment: Environment
  readonly #make: Make
  #made: Promise<TokenCredential> | undefined

  /** Use {@link identityCredential}. */
  constructor(signIn: SignIn, surroundings: Surroundings, environment: Environment) {
    const { credential, interactive = false, plan } = METHODS[signIn.method]
    super(credential, interactive)
    this.#signIn = signIn
    this.#surroundings = surroundings
    this.#environment = environment
    this.#make = plan(signIn, environment)
  }

  /** Whether this is the credential for that sign-in. */
  serves(signIn: SignIn, { cloud, options }: Surroundings): boolean {
    const mine = this.#surroundings
    return DETAILS.every((it) => this.#signIn[it] === signIn[it]) && mine.cloud === cloud && mine.options === options
  }

  /** @throws EntraError `CONFIG_INVALID` where the environment lacks something, `DEPENDENCY_MISSING` */
  async getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    // Where it cannot be made the next request tries again: what was missing may be there by then.
    this.#made ??= this.#load().catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    const credential = await this.#made
    abortSignal.throwIfAborted()
    return withRefusals(
      () => credential.getToken(scope, { abortSignal }),
      () => {
        // MSAL would refuse by itself for 60 s now: msal-common 16.14 looks for Retry-After in the wrong case. When to
        // ask again is for the token source to say. A person is not asked again for that.
        if (!this.interactive) this.#made = undefined
      },
    )
  }

  async #load(): Promise<TokenCredential> {
    const { identity } = (await import('./identity-package.cts')) as unknown as { identity: Identity }
    const { plugin } = METHODS[this.#signIn.method]
    if (plugin !== undefined) await usePlugin(identity, plugin)
    return this.#make(identity, this.#options(identity))
  }

  #options({ AzureAuthorityHosts }: Identity): IdentityOptions {
    const { cloud, options } = this.#surroundings
    const elsewhere = cloud !== PUBLIC_CLOUD && !this.#environment.AZURE_AUTHORITY_HOST
    return {
      ...(elsewhere && { authorityHost: AzureAuthorityHosts[cloud.authorityHost] }),
      ...options,
      additionalPolicies: [...(options?.additionalPolicies ?? []), { policy: hearRefusals, position: 'perCall' }],
    }
  }
}
