import type { config as MssqlConfig } from 'mssql'
import type { AuthenticationMethod } from '../credentials/methods.ts'
import { type Given, type GivenDetails, refuseOtherSignIns } from '../credentials/sign-in.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { ConfigWarning, ParsedConfig } from './source.ts'

/** The fields of mssql, or of tedious in `authentication.options`, that hold an identity. */
const DETAILS = {
  user: 'user',
  userName: 'user',
  password: 'password',
  clientId: 'clientId',
  clientSecret: 'secret',
  tenantId: 'tenantId',
} as const

/** What mssql also takes outside of `options`. */
const HOISTED = ['encrypt', 'trustServerCertificate'] as const

const WITHOUT_EFFECT = ['msiEndpoint', 'msiSecret'] as const
const OTHER_SIGN_INS = ['token', 'domain', 'trustedConnection'] as const
const SIGN_IN_FIELDS = [
  ...Object.keys(DETAILS),
  ...WITHOUT_EFFECT,
  ...OTHER_SIGN_INS,
  'authentication',
  'authentication_type',
]

/** What tedious's types of authentication are called here. */
const TYPES: Readonly<Record<string, AuthenticationMethod | 'SqlPassword' | 'ActiveDirectoryPassword'>> = {
  default: 'SqlPassword',
  ntlm: 'SqlPassword',
  'azure-active-directory-password': 'ActiveDirectoryPassword',
  'azure-active-directory-default': 'ActiveDirectoryDefault',
  'azure-active-directory-msi-vm': 'ActiveDirectoryManagedIdentity',
  'azure-active-directory-msi-app-service': 'ActiveDirectoryManagedIdentity',
  'azure-active-directory-service-principal-secret': 'ActiveDirectoryServicePrincipal',
}

const PASS_CREDENTIAL = 'Pass a credential instead: new PrismaMssqlEntra(config, { credential }).'

/** tedious's types that carry a token or a credential object. */
const BY_CODE: Readonly<Record<string, string>> = {
  'token-credential': PASS_CREDENTIAL,
  'azure-active-directory-access-token': `A token in the config cannot be renewed. ${PASS_CREDENTIAL}`,
}

/**
 * Reads a config object of `mssql`.
 *
 * @throws EntraError `CONFIG_INVALID`, `CONFIG_CREDENTIALS`
 */
export function readConfigObject(given: MssqlConfig): ParsedConfig {
  if (typeof given !== 'object' || given === null || typeof given.server !== 'string' || given.server === '') {
    throw new EntraError('CONFIG_INVALID', 'config must be a connection string or an mssql config with a server.')
  }
  const fields: Record<string, unknown> = { ...given }
  const outside = HOISTED.filter((name) => typeof fields[name] === 'boolean').map((name) => [name, fields[name]])
  const dropped: readonly string[] = [...SIGN_IN_FIELDS, ...HOISTED]
  const kept = Object.entries(fields).filter(([field]) => !dropped.includes(field))
  const config = {
    ...Object.fromEntries(kept),
    server: given.server,
    options: { ...Object.fromEntries(outside), ...given.options },
    pool: { ...given.pool },
  }
  const warnings: ConfigWarning[] = []
  // As in mssql, `authentication` overrides the fields of the config itself.
  const nested = Object(fields.authentication) as { type?: unknown; options?: Record<string, unknown> }
  const type = nested.type ?? fields.authentication_type
  const remedy = BY_CODE[String(type)]
  if (remedy !== undefined) throw new EntraError('CONFIG_CREDENTIALS', `authentication of type ${type}: ${remedy}`)
  const authentication =
    type === undefined ? undefined : givenInCode('authentication', TYPES[String(type)] ?? String(type), warnings)
  const value = (name: string) => detailOf(nested.options ?? fields, name, warnings)
  refuseOtherSignIns(OTHER_SIGN_INS.map(value))
  for (const name of WITHOUT_EFFECT) {
    value(name)?.warn(`${name} has no effect in this adapter: @azure/identity finds it in the environment.`)
  }
  const details: GivenDetails = {}
  for (const [name, detail] of Object.entries(DETAILS)) {
    const found = value(name)
    if (found !== undefined) details[detail] = found
  }
  return { config, authentication, details, warnings }
}

function detailOf(options: Record<string, unknown>, name: string, warnings: ConfigWarning[]): Given | undefined {
  const value = options[name]
  if (value === undefined || value === null || value === '') return undefined
  return givenInCode(name, String(value), warnings)
}

/** Something that is given in code, where there is no place to point at. */
export function givenInCode(name: string, text: string, warnings: ConfigWarning[]): Given {
  return {
    name,
    text,
    refuse: (message, code = 'CONFIG_INVALID') => new EntraError(code, message),
    warn: (message) => warnings.push({ message, parameter: name }),
  }
}
