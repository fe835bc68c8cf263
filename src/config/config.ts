import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors/entra-error.ts'
import { readCertificateAuthority } from './certificate-authority.ts'
import { givenInCode, readConfigObject } from './config-object.ts'
import { parseConnectionString } from './connection-string.ts'
import { authenticationMethod, type SignIn } from './sign-in.ts'
import { type Given, type GivenDetails, refuseOtherSignIns, signInBy } from './sign-in-rules.ts'
import type { ConfigWarning } from './source.ts'

export type { ConfigWarning } from './source.ts'

/** Where to connect to, and how to sign in. */
export interface EntraConfig {
  /** A copy of the user's, without any credential: writing into it changes nothing of theirs. */
  config: MssqlConfig
  /** The database schema of the models. */
  schema: string | undefined
  /** How old a connection may get, in ms. */
  maxAge: number | undefined
  /** `undefined` where the config says nothing about it. */
  signIn: SignIn | undefined
  /** What is taken, but probably not as it was meant. */
  warnings: ConfigWarning[]
}

/** What the options say about signing in, which the config need not repeat. */
export interface SignInInCode {
  authentication?: string
  tenantId?: string
  clientId?: string
}

/**
 * Reads a connection string or a config object of `mssql`, and refuses what would sign in without a token.
 *
 * @param inCode - goes before what the config says, which is told where it says otherwise
 * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export function readConfig(configOrString: MssqlConfig | string, inCode: SignInInCode = {}): EntraConfig {
  const { config, schema, maxAge, details, said, warnings } =
    typeof configOrString === 'string' ? fromString(configOrString) : fromObject(configOrString)
  if (config.options?.encrypt === false && !isLoopback(config.server)) {
    throw new EntraError(
      'CONFIG_PLAINTEXT',
      `encrypt is false for ${config.server}: the token would cross the network in the clear. Remove it ` +
        '(encryption is the default); for a certificate that cannot be verified there is trustServerCertificate.',
    )
  }
  for (const name of ['tenantId', 'clientId'] as const) {
    const text = inCode[name]
    if (text === undefined) continue
    const inConfig = details[name]
    if (inConfig !== undefined && inConfig.text !== text) inConfig.warn(`The ${name} of the options is used instead.`)
    details[name] = givenInCode(name, text, warnings)
  }
  const { authentication } = inCode
  const inOptions = authentication === undefined ? undefined : givenInCode('authentication', authentication, warnings)
  const signIn = signInBy(said ?? inOptions, details)
  if (said !== undefined && authentication !== undefined && authenticationMethod(authentication) !== signIn?.method) {
    throw said.refuse(`The config says authentication=${said.text}, the options say ${authentication}.`)
  }
  return { config, schema, maxAge, signIn, warnings }
}

/** What either kind of config says. */
interface Said {
  config: MssqlConfig
  schema?: string | undefined
  maxAge?: number | undefined
  said: Given | undefined
  details: GivenDetails
  warnings: ConfigWarning[]
}

function fromString(text: string): Said {
  const { config, target, warnings } = parseConnectionString(text)
  refuseOtherSignIns(target.otherSignIns)
  if (target.certificateAuthority !== undefined) {
    const ca = readCertificateAuthority(target.certificateAuthority)
    config.options = { ...config.options, cryptoCredentialsDetails: { ca } }
  }
  const { schema, maxAge, authentication, details } = target
  return { config, schema, maxAge, said: authentication, details, warnings }
}

function fromObject(given: MssqlConfig): Said {
  const { authentication, ...read } = readConfigObject(given)
  return { ...read, said: authentication }
}

/** Whether a host is this machine, so that nothing sent to it crosses a network. */
function isLoopback(host: string): boolean {
  const name = host.replace(/\\.*$/, '').toLowerCase()
  return name === 'localhost' || name === '::1' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}
