import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors.ts'
import { parseConnectionString } from './connection-string.ts'

/** Where to connect to, without any credential. */
export interface EntraConfig {
  /** A copy of the user's: writing into it changes nothing of theirs. */
  config: MssqlConfig
  schema: string | undefined
}

/** Fields of an `mssql` config by which mssql takes a credential, `config.options` and `config.authentication` aside. */
const CREDENTIAL_FIELDS = [
  'user',
  'password',
  'domain',
  'authentication',
  'authentication_type',
  'token',
  'clientId',
  'clientSecret',
  'tenantId',
  'msiEndpoint',
  'msiSecret',
  'trustedConnection',
] as const

/**
 * Reads what `PrismaMssql` takes, and refuses what would be a second way to sign in.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export function readConfig(configOrString: MssqlConfig | string): EntraConfig {
  const { config, schema, credentials } =
    typeof configOrString === 'string' ? fromString(configOrString) : fromObject(configOrString)
  if (credentials.length > 0) throw credentialsError(credentials)
  if (config.options?.encrypt === false && !isLoopback(config.server)) {
    throw new EntraError(
      'CONFIG_PLAINTEXT',
      `encrypt is false for ${config.server}: the token would cross the network in the clear. Remove it ` +
        '(encryption is the default); for a certificate that cannot be verified there is trustServerCertificate.',
    )
  }
  return { config, schema }
}

function fromString(text: string) {
  const { config, schema, credentialParameters } = parseConnectionString(text)
  return { config, schema, credentials: credentialParameters }
}

function fromObject(given: MssqlConfig) {
  if (typeof given !== 'object' || given === null || typeof given.server !== 'string' || given.server === '') {
    throw new EntraError('CONFIG_INVALID', 'config must be a sqlserver:// string or an mssql config with a server.')
  }
  const fields: Record<string, unknown> = { ...given }
  const { encrypt, trustServerCertificate } = fields
  const config: MssqlConfig = {
    ...given,
    // mssql takes these two beside `options` as well.
    options: {
      ...(typeof encrypt === 'boolean' && { encrypt }),
      ...(typeof trustServerCertificate === 'boolean' && { trustServerCertificate }),
      ...given.options,
    },
    pool: { ...given.pool },
  }
  const credentials = CREDENTIAL_FIELDS.filter((field) => fields[field] !== undefined)
  return { config, schema: undefined, credentials }
}

function credentialsError(names: readonly string[]): EntraError {
  const list = names.join(', ')
  const remedy = names.some((name) => name.toLowerCase() === 'authentication')
    ? 'Pass a credential instead: new PrismaMssqlEntra(config, { credential: new ManagedIdentityCredential() }).'
    : 'For user and password there is @prisma/adapter-mssql.'
  return new EntraError(
    'CONFIG_CREDENTIALS',
    `This adapter signs in with Entra tokens; remove ${list} from the config. ${remedy}`,
  )
}

/** Whether a host is this machine, so that nothing sent to it crosses a network. */
function isLoopback(host: string): boolean {
  const name = host.replace(/\\.*$/, '').toLowerCase()
  return name === 'localhost' || name === '::1' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}
