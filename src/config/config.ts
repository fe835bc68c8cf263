import type { config as MssqlConfig } from 'mssql'
import { authenticationMethods } from '../credentials/methods.ts'
import { type SignIn, signInsBy } from '../credentials/sign-in.ts'
import type { SignInOptions } from '../credentials/sign-in-options.ts'
import { EntraError } from '../errors/entra-error.ts'
import { refusePlaintext } from './address.ts'
import { givenInCode, readConfigObject } from './config-object.ts'
import { parseConnectionString } from './connection-string.ts'
import type { ParsedConfig } from './source.ts'
import { mayUsePassword, type SqlLogin, sqlLoginIn } from './sql-login.ts'

export type { ConfigWarning } from './source.ts'

/** Where to connect to, and how to sign in. */
export interface EntraConfig extends Omit<ParsedConfig, 'authentication' | 'details'> {
  /** In order of preference; none if the config says nothing about it. */
  signIns: readonly SignIn[]
  /** Instead of a token, where `allowPassword` allows it. */
  sqlLogin: SqlLogin | undefined
}

/** What to say where there is no connection string, as it comes from a variable that is not set. */
export const NO_CONFIG =
  'There is no connection string. If it should come from DATABASE_URL, that variable is not set here: Prisma 7 does not ' +
  "load .env. Begin the file with import 'dotenv/config' (npm install dotenv), or start Node with --env-file=.env."

/** For doctor, exec and proxy. */
const FOR_TOKENS =
  'This is only for logins by token. The adapter logs in with this user and password as they are, because the server is on ' +
  'this machine.'

/**
 * Reads a connection string or a config object of `mssql`, and refuses what would sign in without a token.
 *
 * @param inCode - what the options say about signing in, which the config need not repeat. A warning says so if they differ
 * @param allowPassword - whether the config may have a user and a password for a server that is not on this machine;
 * undefined for no server at all
 * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export function readConfig(
  configOrString: MssqlConfig | string,
  inCode: Pick<SignInOptions, 'authentication' | 'tenantId' | 'clientId'> = {},
  allowPassword?: boolean,
): EntraConfig {
  // Whatever the types say: `process.env.DATABASE_URL!`.
  if (configOrString === undefined || configOrString === '') throw new EntraError('CONFIG_INVALID', NO_CONFIG)
  const parsed =
    typeof configOrString === 'string' ? parseConnectionString(configOrString) : readConfigObject(configOrString)
  const { config, schema, maxAge, authentication: said, details, warnings } = parsed
  refusePlaintext(config.server, config.options?.encrypt)
  const authentication = inCode.authentication === undefined ? undefined : [inCode.authentication].flat().join(',')
  const mayHaveOne = mayUsePassword(config.server, allowPassword)
  const sqlLogin = mayHaveOne ? sqlLoginIn(details, said, authentication) : undefined
  if (sqlLogin !== undefined && allowPassword === undefined)
    throw details.user?.refuse(FOR_TOKENS, 'CONFIG_CREDENTIALS')
  if (sqlLogin !== undefined) return { config, schema, maxAge, signIns: [], sqlLogin, warnings }
  for (const name of ['tenantId', 'clientId'] as const) {
    const text = inCode[name]
    if (text === undefined) continue
    const inConfig = details[name]
    if (inConfig !== undefined && inConfig.text !== text) inConfig.warn(`The ${name} of the options is used instead.`)
    details[name] = givenInCode(name, text, warnings)
  }
  const inOptions = authentication === undefined ? undefined : givenInCode('authentication', authentication, warnings)
  const signIns = signInsBy(said ?? inOptions, details)
  const methods = signIns.map(({ method }) => method)
  if (said !== undefined && inOptions !== undefined && `${authenticationMethods(inOptions.text)}` !== `${methods}`) {
    throw said.refuse(`The config says authentication=${said.text}, the options say ${inOptions.text}.`)
  }
  return { config, schema, maxAge, signIns, sqlLogin, warnings }
}
