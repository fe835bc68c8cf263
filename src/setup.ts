import type { config as MssqlConfig } from 'mssql'
import { readConfig } from './config/config.ts'
import { audienceOf, cloudOf } from './credentials/clouds.ts'
import { PROMPT_TIMEOUT } from './credentials/one-at-a-time.ts'
import { credentialsFor, type SignInOptions } from './credentials/sign-in-options.ts'
import { EntraError } from './errors/entra-error.ts'
import { tenantOfServer } from './login/fed-auth-info.ts'
import { targetOf } from './login/target.ts'
import { type PrismaMssqlEntraOptions, resolveTiming } from './options.ts'
import { type Clock, systemClock } from './time/clock.ts'
import { TokenSource } from './token/token-source.ts'

/** The options that adapter, proxy and doctor share: how to sign in, and by which clock. */
export type SetupOptions = Pick<
  PrismaMssqlEntraOptions,
  keyof SignInOptions | 'tokenSource' | 'scope' | 'schema' | 'rotation' | 'telemetry' | 'clock' | 'random'
>

/** Where to connect, and what gives the tokens for it. */
export type Setup = ReturnType<typeof setUp>

/** In place of tokens, where there is a password: it does not end, so nothing is rotated. */
function passwordSource(clock: Clock): TokenSource {
  const SqlPassword = () => ({ token: 'none', expiresOnTimestamp: clock.now() + 10 * 365 * 86_400_000 })
  return new TokenSource(SqlPassword, { scope: 'none', clock })
}

/**
 * Reads a config and what the options say about signing in. Connects to nothing.
 *
 * @param allowPassword - whether the config may have a user and a password for a server that is not on this machine;
 * undefined for no server at all. Then it decides, whatever the options say about tokens
 * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export function setUp(config: MssqlConfig | string, options: SetupOptions, allowPassword?: boolean) {
  const read = readConfig(config, options.credential === undefined ? options : {}, allowPassword)
  const { config: mssql, maxAge, signIns, sqlLogin, warnings } = read
  const schema = options.schema ?? read.schema
  const cloud = cloudOf(mssql.server, options.scope)
  const warn = (message: string, parameter: string) => warnings.push({ message, parameter })
  const { clock = systemClock, random = Math.random } = options
  const server = {
    name: `${mssql.server}:${mssql.port ?? ''}`,
    tenant: async () => tenantOfServer(targetOf(mssql), clock),
  }
  const given = sqlLogin === undefined ? options.tokenSource : passwordSource(clock)
  const credentials = given ? [] : credentialsFor(options, signIns, { cloud, server }, warn)
  if (options.tokenSource) refuseBesideTokenSource(options)
  // A person takes longer than a server.
  const connectTimeout = credentials.some(({ interactive }) => interactive) ? PROMPT_TIMEOUT : mssql.connectionTimeout
  const timing = resolveTiming({ maxAge, ...options.rotation }, connectTimeout)
  const tokenSource =
    given ??
    new TokenSource(credentials, {
      scope: options.scope ?? cloud.scope,
      timing,
      ...(options.telemetry && { telemetry: options.telemetry }),
      clock,
      random,
    })
  return {
    /** Without any credential; not the user's object. */
    mssql,
    /** Of the models. */
    schema,
    tokenSource,
    /** The login without a token, for which the token source is only a form. */
    sqlLogin,
    /** The `aud` claim of the tokens for this server. */
    audience: audienceOf(cloud),
    timing,
    clock,
    random,
    warnings,
  }
}

/** What a token source brings with it. */
const TOKEN_SOURCE_OPTIONS = [
  'credential',
  'authentication',
  'tenantId',
  'clientId',
  'credentialOptions',
  'scope',
] as const

function refuseBesideTokenSource(options: SetupOptions): void {
  const extra = TOKEN_SOURCE_OPTIONS.filter((name) => options[name] !== undefined)
  if (extra.length > 0) {
    throw new EntraError('CONFIG_INVALID', `Pass either tokenSource or ${extra.join(' and ')}, not both.`)
  }
}
