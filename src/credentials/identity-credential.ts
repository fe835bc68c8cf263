import { isDeepStrictEqual } from 'node:util'
import type { AccessToken, TokenCredential } from '@azure/identity'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { type Cloud, PUBLIC_CLOUD } from './clouds.ts'
import { type AskOptions, NamedCredential } from './credential.ts'
import {
  type Identity,
  type IdentityOptions,
  METHODS,
  type Method,
  missingValues,
  needsConfig,
  type Plugin,
  type Values,
} from './methods.ts'
import { hearRefusals, withRefusals } from './retry-after.ts'
import type { SignIn } from './sign-in.ts'

type IdentityPlugin = Parameters<Identity['useIdentityPlugin']>[0]

/** Where a credential signs in, and with which options of the user. */
export interface IdentityContext {
  cloud: Cloud
  options?: IdentityOptions | undefined
  /** Whether others are asked if it cannot get a token. @defaultValue false */
  inList?: boolean
  /** The server to sign in for, and how to ask it for its tenant. */
  server?: { name: string; tenant: () => Promise<string> }
}

const known: IdentityCredential[] = []

/**
 * The credential for a sign-in. There is one for the life of the process, since each credential of `@azure/identity` has
 * its own cache.
 *
 * @throws EntraError `CONFIG_INVALID` if the sign-in lacks something
 */
export function identityCredential(signIn: SignIn, context: IdentityContext): IdentityCredential {
  const found = known.find((credential) => credential.serves(signIn, context))
  if (found !== undefined) return found
  const credential = new IdentityCredential(signIn, context, process.env)
  known.push(credential)
  return credential
}

/** A credential of `@azure/identity`. The package takes some 200 ms to load, so the first request for a token loads it. */
export class IdentityCredential extends NamedCredential {
  readonly #signIn: SignIn
  readonly #context: IdentityContext
  readonly #environment: NodeJS.ProcessEnv
  readonly #method: Method
  #made: Promise<TokenCredential> | undefined

  /** Use {@link identityCredential}. */
  constructor(signIn: SignIn, context: IdentityContext, environment: NodeJS.ProcessEnv) {
    const method = METHODS[signIn.method]
    super(method.credential, method.interactive ?? false)
    this.#method = method
    this.#signIn = signIn
    this.#context = context
    this.#environment = environment
    // What only the environment gives is checked when it is needed: it may be set later.
    if (needsConfig(method)) this.#values()
  }

  /** Whether this is the credential for that sign-in. */
  serves(signIn: SignIn, { cloud, options, inList = false, server }: IdentityContext): boolean {
    const mine = this.#context
    const sameTenant = this.#tenantFrom === undefined || this.#tenantFrom.name === server?.name
    const sameSignIn = isDeepStrictEqual(this.#signIn, signIn) && this.#signIn.secret === signIn.secret
    const asksAlike = (mine.inList ?? false) === inList || this.#method.optionsInList === undefined
    return sameSignIn && sameTenant && asksAlike && mine.cloud === cloud && mine.options === options
  }

  /** The server, if only it can name the tenant. */
  get #tenantFrom(): IdentityContext['server'] {
    const named = this.#signIn.tenantId ?? this.#environment.AZURE_TENANT_ID
    return this.#method.tenantOfServer && !named ? this.#context.server : undefined
  }

  /** @throws EntraError `CONFIG_INVALID` if the environment lacks something, `DEPENDENCY_MISSING` */
  async getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    // If this fails, the next request tries again: what was missing may exist by then.
    this.#made ??= this.#load().catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    const credential = await this.#made
    abortSignal.throwIfAborted()
    return withRefusals(
      () => credential.getToken(scope, { abortSignal }),
      () => {
        // MSAL would now refuse by itself for 60 s, since msal-common 16.14 looks for Retry-After in the wrong case. The
        // token source decides when to ask again. Never prompt a person again because of this.
        if (!this.interactive) this.#made = undefined
      },
    )
  }

  async #load(): Promise<TokenCredential> {
    const loaded = (await import('./identity-package.cts')) as { identity?: Identity; default?: { identity: Identity } }
    // esbuild's --splitting gives import() of CommonJS no names.
    const identity = loaded.identity ?? (loaded.default?.identity as Identity)
    const { plugin, credential, make } = this.#method
    if (plugin !== undefined) await usePlugin(identity, plugin)
    const values = this.#values()
    if (this.#tenantFrom !== undefined) values.tenantId = await this.#tenantFrom.tenant()
    const options = this.#options()
    if (make !== undefined) return make(identity, values as Required<Values>, options)
    const Credential = identity[credential] as new (options: object) => TokenCredential
    return new Credential({ ...options, ...values })
  }

  /** What the sign-in and the environment give, with all that the method needs. */
  #values(): Values {
    const { takes, variables = {} } = this.#method
    const values: Values = {}
    for (const name of takes) if (this.#signIn[name] !== undefined) values[name] = this.#signIn[name]
    for (const [name, candidates] of Object.entries(variables)) {
      const variable = candidates.find((candidate) => this.#environment[candidate])
      if (variable !== undefined) values[name as keyof Values] ??= this.#environment[variable] as string
    }
    const missing = missingValues(this.#method, { tenantId: this.#tenantFrom?.name, ...values })
    if (missing.length === 0) return values
    const where = needsConfig(this.#method) ? '' : ' in the environment'
    throw new EntraError('CONFIG_INVALID', `authentication=${this.#signIn.method} lacks ${missing.join(', ')}${where}.`)
  }

  #options(): IdentityOptions {
    const { cloud, options, inList } = this.#context
    const elsewhere = cloud !== PUBLIC_CLOUD && !this.#environment.AZURE_AUTHORITY_HOST
    return {
      ...(elsewhere && { authorityHost: cloud.authorityHost }),
      ...options,
      ...this.#method.options,
      ...(inList && this.#method.optionsInList),
      additionalPolicies: [...(options?.additionalPolicies ?? []), { policy: hearRefusals, position: 'perCall' }],
    }
  }
}

/** Loads a plugin into `@azure/identity`. @throws EntraError `DEPENDENCY_MISSING` */
async function usePlugin(identity: Identity, { package: name, plugin, instead }: Plugin): Promise<void> {
  try {
    // Bundlers must not look for a package that is optional, nor keep Node from doing so.
    const exported: Record<string, IdentityPlugin> = await import(/* webpackIgnore: true */ /* @vite-ignore */ name)
    identity.useIdentityPlugin(exported[plugin] as IdentityPlugin)
  } catch (cause) {
    throw new EntraError(
      'DEPENDENCY_MISSING',
      `${name} could not be loaded (${reasonOf(cause)}). This way to sign in needs it: npm install ${name}. ${instead}`,
      { cause },
    )
  }
}
