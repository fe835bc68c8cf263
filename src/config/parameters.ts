import { MSSQL_SCHEMA } from '@tediousjs/connection-string'
import type { config as MssqlConfig } from 'mssql'
import type { GivenDetails } from '../credentials/sign-in.ts'
import { MAX_DELAY } from '../time/clock.ts'
import { type Address, parseDataSource, problemOfHost } from './address.ts'
import { readCertificate, readSelfSigned } from './certificate-files.ts'
import { ISOLATION_LEVELS } from './isolation-levels.ts'
import type { Value } from './source.ts'

type Options = NonNullable<MssqlConfig['options']>
type Pool = NonNullable<MssqlConfig['pool']>

/** What the parameters of a connection string are read into. */
export class Settings {
  readonly config: Omit<MssqlConfig, 'server'> & { server?: string; options: Options; pool: Pool } = {
    options: {},
    pool: {},
  }
  instance: string | undefined
  schema: string | undefined
  /** In ms. */
  maxAge: number | undefined
  minPoolSize: Value | undefined
  /** Certificates, as PEM. */
  readonly trusted: string[] = []
  authentication: Value | undefined
  readonly details: GivenDetails = {}
  /** What would sign in without a credential. */
  readonly otherSignIns: Value[] = []
}

type Read = (settings: Settings, value: Value) => void

/** A parameter of connection strings. */
export interface Parameter {
  /** The documented name, then the synonyms. Case, spaces and underscores do not matter. */
  readonly names: readonly [string, ...string[]]
  readonly secret?: true
  /** Whether it is known elsewhere and means nothing here. */
  readonly ignored?: true
  readonly read: Read
}

/** `oneOf` compares words without their spaces. */
const ISOLATION_LEVEL_WORDS = Object.fromEntries(
  Object.entries(ISOLATION_LEVELS).map(([name, level]) => [name.replace(' ', ''), level]),
)

/** SqlClient's words, JDBC's, and the schema engine's for no TLS at all. */
const ENCRYPT = {
  true: true,
  yes: true,
  mandatory: true,
  false: false,
  no: false,
  optional: false,
  DANGER_PLAINTEXT: false,
  strict: 'strict',
} as const

/** From so many seconds on, a timeout was probably meant in ms. */
const LONGEST_WAIT = 1000
const LONGEST_QUERY = 10_000

const text = (value: Value) => value.text
const flag = (value: Value) => value.flag()
const otherSignIn: Read = ({ otherSignIns }, value) => void otherSignIns.push(value)

/** Each parameter that means something here, with the meaning and the unit that its format gives it. */
export const PARAMETERS: readonly Parameter[] = [
  {
    names: ['server', 'serverName', 'Data Source', 'Address', 'Addr', 'Network Address'],
    read: (settings, value) => setServer(settings, value, parseDataSource(value), ','),
  },
  { names: ['port', 'portNumber'], read: setPort },
  {
    names: ['instanceName'],
    read(settings, value) {
      if (settings.instance !== undefined) throw value.refuse('The connection string names the instance twice.')
      settings.instance = value.text
    },
  },
  { names: ['database', 'databaseName', 'Initial Catalog'], read: config('database', text) },
  { names: ['schema'], read: setting('schema', text) },
  { names: ['encrypt'], read: option('encrypt', (value) => value.oneOf(ENCRYPT, 'true, false or strict')) },
  { names: ['trustServerCertificate'], read: option('trustServerCertificate', flag) },
  { names: ['trustServerCertificateCA'], read: ({ trusted }, value) => void trusted.push(readCertificate(value)) },
  { names: ['serverCertificate'], read: ({ trusted }, value) => void trusted.push(readSelfSigned(value)) },
  {
    names: ['hostNameInCertificate'],
    // JDBC's, in the portal, is a pattern. The host's own name, which is checked without this, is stricter.
    read: option('serverName', (value) => (value.text.startsWith('*') ? undefined : value.text)),
  },
  { names: ['multiSubnetFailover'], read: option('multiSubnetFailover', flag) },
  {
    names: ['applicationIntent'],
    read: option('readOnlyIntent', (value) => value.oneOf({ ReadOnly: true, ReadWrite: false })),
  },
  { names: ['applicationName', 'app'], read: option('appName', text) },
  { names: ['workstationID', 'wsid'], read: option('workstationId', text) },
  {
    names: ['language', 'Current Language'],
    read: option('language', (value) => {
      // tedious puts it into SQL text.
      if (!/^[\p{L}\p{N}_]+$/u.test(value.text)) throw value.mustBe('the name of a language, such as us_english')
      return value.text
    }),
  },
  { names: ['packetSize'], read: option('packetSize', (value) => value.wholeNumber(512, 32767)) },
  {
    names: ['isolationLevel'],
    read: option('isolationLevel', (value) =>
      value.oneOf(ISOLATION_LEVEL_WORDS, 'an isolation level such as "READ COMMITTED"'),
    ),
  },
  {
    names: ['connectTimeout', 'connectionTimeout', 'loginTimeout', 'timeout'],
    read: config('connectionTimeout', (value) => value.duration(value.format === 'prisma' ? 'ms' : 's', LONGEST_WAIT)),
  },
  {
    names: ['socketTimeout', 'requestTimeout'],
    read(settings, value) {
      const timeout = value.duration('ms')
      settings.config.requestTimeout ??= timeout
    },
  },
  {
    names: ['queryTimeout', 'commandTimeout'],
    read: config('requestTimeout', (value) => value.duration('s', LONGEST_QUERY)),
  },
  { names: ['connectRetryCount'], read: option('maxRetriesOnTransientErrors', (value) => value.wholeNumber(0, 255)) },
  {
    names: ['connectRetryInterval'],
    read: option('connectionRetryInterval', (value) => value.wholeNumber(1, 60) * 1000),
  },
  { names: ['connectionLimit', 'maxPoolSize'], read: pool('max', (value) => value.wholeNumber(1)) },
  {
    names: ['minPoolSize'],
    read(settings, value) {
      settings.config.pool.min = value.wholeNumber()
      settings.minPoolSize = value
    },
  },
  {
    names: ['poolTimeout'],
    read: pool('acquireTimeoutMillis', (value) => value.duration('s', LONGEST_WAIT) || MAX_DELAY),
  },
  {
    names: ['maxConnectionLifetime', 'connectionLifetime', 'loadBalanceTimeout'],
    read: setting('maxAge', (value) => value.duration('s') || undefined),
  },
  {
    names: ['maxIdleConnectionLifetime'],
    read: pool('idleTimeoutMillis', (value) => value.duration('s') || MAX_DELAY),
  },
  { names: ['authentication'], read: setting('authentication', (value) => value) },
  { names: ['user', 'userName', 'User ID', 'uid'], read: detail('user') },
  { names: ['password', 'pwd'], secret: true, read: detail('password') },
  { names: ['tenantId'], read: detail('tenantId') },
  {
    names: ['clientId', 'msiClientId', 'managedIdentityClientId', 'AADSecurePrincipalId'],
    read: detail('clientId'),
  },
  {
    names: ['secret', 'clientSecret', 'AADSecurePrincipalSecret', 'clientKeyPassword', 'certificatePassword'],
    secret: true,
    read: detail('secret'),
  },
  { names: ['objectId', 'msiObjectId'], read: detail('objectId') },
  { names: ['resourceId', 'msiResourceId'], read: detail('resourceId') },
  { names: ['loginHint'], read: detail('loginHint') },
  {
    names: ['certificatePath', 'clientCertificate', 'clientCertificatePath', 'clientCertPath'],
    read: detail('certificatePath'),
  },
  { names: ['accessToken', 'token'], secret: true, read: otherSignIn },
  { names: ['domain'], read: otherSignIn },
  {
    names: ['integratedSecurity', 'Trusted_Connection'],
    read(settings, value) {
      if (value.text.toLowerCase() === 'sspi' || value.flag()) otherSignIn(settings, value)
    },
  },
]

/**
 * Reads one field of mssql's config. `undefined` leaves the field out.
 *
 * @param pick - the object that has the field
 */
function into<T extends object, K extends keyof T>(
  pick: (settings: Settings) => T,
  key: K,
  read: (value: Value) => T[K],
) {
  return (settings: Settings, value: Value) => {
    const result = read(value)
    if (result !== undefined) pick(settings)[key] = result
  }
}

function setting<K extends keyof Settings>(key: K, read: (value: Value) => Settings[K]): Read {
  return into((settings) => settings, key, read)
}
function config<K extends keyof Settings['config']>(key: K, read: (value: Value) => Settings['config'][K]): Read {
  return into((settings) => settings.config, key, read)
}
function option<K extends keyof Options>(key: K, read: (value: Value) => Options[K]): Read {
  return into((settings) => settings.config.options, key, read)
}
function pool<K extends keyof Pool>(key: K, read: (value: Value) => Pool[K]): Read {
  return into((settings) => settings.config.pool, key, read)
}
function detail(key: keyof GivenDetails): Read {
  return ({ details }, value) => {
    details[key] = value
  }
}

/** Sets server, instance and port. @throws EntraError `CONFIG_INVALID` */
export function setServer(settings: Settings, value: Value, address: Address, portSeparator: ':' | ','): void {
  if (settings.config.server !== undefined) throw value.refuse('The connection string names the server twice.')
  const { host, instance, port } = address
  if (host === '') return
  const problem = problemOfHost(host, portSeparator)
  if (problem !== undefined) throw value.refuse(`This is not the name of a server. ${problem}`)
  settings.config.server = host
  if (instance) settings.instance = instance
  if (port !== undefined) setPort(settings, value.part('port', port))
}

function setPort({ config }: Settings, value: Value): void {
  if (config.port !== undefined) throw value.refuse('The connection string names the port twice.')
  config.port = value.wholeNumber(1, 65535)
}

/** A parameter that is known elsewhere and has no effect here. */
interface Ignored {
  readonly secret?: true
  /** A value that means the same as leaving the parameter out. `*`: any. */
  readonly harmless?: string
  /** What to do instead. */
  readonly instead?: string
}

const IGNORED: Readonly<Record<string, Ignored>> = {
  driver: { harmless: '*' },
  'persist security info': { harmless: '*' },
  'ip address preference': { harmless: 'ipv4first' },
  'server spn': {},
  'failover partner spn': {},
  'attestation protocol': {},
  'enclave attestation url': {},
  msiEndpoint: { instead: '@azure/identity finds the endpoint in the environment.' },
  msiSecret: { secret: true, instead: '@azure/identity finds it in the environment.' },
  clientKey: { instead: 'Put the private key into the same PEM file as the certificate.' },
  keyStoreSecret: { secret: true },
  trustStorePassword: { secret: true },
  keyVaultProviderClientKey: { secret: true },
}

function ignored(name: string, { secret, harmless, instead }: Ignored): Parameter {
  return {
    names: [name],
    ignored: true,
    ...(secret && { secret }),
    read(_settings, value) {
      const said = value.text.toLowerCase().replace(/^yes$/, 'true').replace(/^no$/, 'false')
      if (harmless === '*' || harmless?.toLowerCase() === said) return
      value.warn(`${value.name} has no effect in this adapter.${instead === undefined ? '' : ` ${instead}`}`)
    },
  }
}

/** By key. Of two with the same key the later counts. */
const BY_KEY = new Map<string, Parameter>([
  // All of SqlClient's keywords.
  ...Object.entries(MSSQL_SCHEMA).flatMap(([name, { aliases = [], default: harmless }]) =>
    [name, ...aliases].map((it) => {
      const entry = harmless === undefined ? {} : { harmless: String(harmless) }
      return [keyOf(it), ignored(it, entry)] as const
    }),
  ),
  ...Object.entries(IGNORED).map(([name, entry]) => [keyOf(name), ignored(name, entry)] as const),
  ...PARAMETERS.flatMap((parameter) => parameter.names.map((name) => [keyOf(name), parameter] as const)),
])

/** Every name and synonym that has an effect. */
export const PARAMETER_NAMES: readonly string[] = PARAMETERS.flatMap(({ names }) => names)

/** The parameter of a name or synonym. */
export function parameterOf(name: string): Parameter | undefined {
  return BY_KEY.get(keyOf(name))
}

/** How names are compared: without case, spaces and underscores. */
export function keyOf(name: string): string {
  return name.toLowerCase().replace(/[\s_]/g, '')
}
