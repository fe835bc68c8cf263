import { parseDataSource } from './address.ts'
import { ISOLATION_LEVELS } from './isolation-levels.ts'
import type { GivenDetails } from './sign-in-rules.ts'
import { readAddress, readPort, type Target } from './target.ts'
import type { Value } from './value.ts'

/** A parameter of connection strings. */
export interface Parameter {
  /** The documented name, then the synonyms. They are compared without case, blanks and underscores. */
  readonly names: readonly [string, ...string[]]
  readonly secret?: true
  readonly read: (target: Target, value: Value) => void
}

/** Without their blanks, as `oneOf` compares them. */
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

/** From so many seconds on a timeout was probably meant in ms. */
const LONGEST_WAIT = 1000
const LONGEST_QUERY = 10_000

/** As good as for ever, in ms: the longest that a timer takes. */
const NEVER = 2 ** 31 - 1

/** Each parameter that means something here, with the meaning and the unit that its format gives it. */
export const PARAMETERS: readonly Parameter[] = [
  {
    names: ['server', 'serverName', 'Data Source', 'Address', 'Addr', 'Network Address'],
    read(target, value) {
      const address = parseDataSource(value.text)
      if (typeof address === 'string') throw value.refuse(address)
      readAddress(target, value, address, ',')
    },
  },
  { names: ['port', 'portNumber'], read: readPort },
  {
    names: ['instanceName'],
    read(target, value) {
      if (target.instance !== undefined) throw value.refuse('The connection string names the instance twice.')
      target.instance = value.text
    },
  },
  {
    names: ['database', 'databaseName', 'Initial Catalog'],
    read(target, value) {
      target.config.database = value.text
    },
  },
  {
    names: ['schema'],
    read(target, value) {
      target.schema = value.text
    },
  },
  {
    names: ['encrypt'],
    read({ config }, value) {
      config.options.encrypt = value.oneOf(ENCRYPT, 'true, false or strict')
    },
  },
  {
    names: ['trustServerCertificate'],
    read({ config }, value) {
      config.options.trustServerCertificate = value.flag()
    },
  },
  {
    names: ['trustServerCertificateCA'],
    read(target, value) {
      target.certificateAuthority = value
    },
  },
  {
    names: ['hostNameInCertificate'],
    read({ config }, value) {
      // JDBC's, in the portal, is a pattern. The host's own name, which is checked without this, is stricter.
      if (!value.text.startsWith('*')) config.options.serverName = value.text
    },
  },
  {
    names: ['multiSubnetFailover'],
    read({ config }, value) {
      config.options.multiSubnetFailover = value.flag()
    },
  },
  {
    names: ['applicationIntent'],
    read({ config }, value) {
      config.options.readOnlyIntent = value.oneOf({ ReadOnly: true, ReadWrite: false })
    },
  },
  {
    names: ['applicationName', 'app'],
    read({ config }, value) {
      config.options.appName = value.text
    },
  },
  {
    names: ['workstationID', 'wsid'],
    read({ config }, value) {
      config.options.workstationId = value.text
    },
  },
  {
    names: ['language', 'Current Language'],
    read({ config }, value) {
      // tedious puts it into SQL text.
      if (!/^[\p{L}\p{N}_]+$/u.test(value.text)) throw value.mustBe('the name of a language, such as us_english')
      config.options.language = value.text
    },
  },
  {
    names: ['packetSize'],
    read({ config }, value) {
      config.options.packetSize = value.wholeNumber(512, 32767)
    },
  },
  {
    names: ['isolationLevel'],
    read({ config }, value) {
      config.options.isolationLevel = value.oneOf(ISOLATION_LEVEL_WORDS, 'an isolation level such as "READ COMMITTED"')
    },
  },
  {
    names: ['connectTimeout', 'connectionTimeout', 'loginTimeout', 'timeout'],
    read({ config }, value) {
      config.connectionTimeout = value.duration(value.format === 'prisma' ? 'ms' : 's', LONGEST_WAIT)
    },
  },
  {
    names: ['socketTimeout', 'requestTimeout'],
    read({ config }, value) {
      const timeout = value.duration('ms')
      config.requestTimeout ??= timeout
    },
  },
  {
    names: ['queryTimeout', 'commandTimeout'],
    read({ config }, value) {
      config.requestTimeout = value.duration('s', LONGEST_QUERY)
    },
  },
  {
    names: ['connectRetryCount'],
    read({ config }, value) {
      config.options.maxRetriesOnTransientErrors = value.wholeNumber(0, 255)
    },
  },
  {
    names: ['connectRetryInterval'],
    read({ config }, value) {
      config.options.connectionRetryInterval = value.wholeNumber(1, 60) * 1000
    },
  },
  {
    names: ['connectionLimit', 'maxPoolSize'],
    read({ config }, value) {
      config.pool.max = value.wholeNumber(1)
    },
  },
  {
    names: ['minPoolSize'],
    read(target, value) {
      target.config.pool.min = value.wholeNumber()
      target.minPoolSize = value
    },
  },
  {
    names: ['poolTimeout'],
    read({ config }, value) {
      config.pool.acquireTimeoutMillis = value.duration('s', LONGEST_WAIT) || NEVER
    },
  },
  {
    names: ['maxConnectionLifetime', 'connectionLifetime', 'loadBalanceTimeout'],
    read(target, value) {
      const maxAge = value.duration('s')
      if (maxAge > 0) target.maxAge = maxAge
    },
  },
  {
    names: ['maxIdleConnectionLifetime'],
    read({ config }, value) {
      config.pool.idleTimeoutMillis = value.duration('s') || NEVER
    },
  },
  {
    names: ['authentication'],
    read(target, value) {
      target.authentication = value
    },
  },
  detail('user', 'userName', 'User ID', 'uid'),
  { ...detail('password', 'pwd'), secret: true },
  detail('tenantId'),
  detail('clientId', 'msiClientId', 'managedIdentityClientId', 'AADSecurePrincipalId'),
  {
    ...detail('secret', 'clientSecret', 'AADSecurePrincipalSecret', 'clientKeyPassword', 'certificatePassword'),
    secret: true,
  },
  detail('objectId', 'msiObjectId'),
  detail('resourceId', 'msiResourceId'),
  detail('loginHint'),
  detail('certificatePath', 'clientCertificate', 'clientCertificatePath', 'clientCertPath'),
  { names: ['accessToken', 'token'], secret: true, read: otherSignIn },
  { names: ['domain'], read: otherSignIn },
  {
    names: ['integratedSecurity', 'Trusted_Connection'],
    read(target, value) {
      if (value.text.toLowerCase() === 'sspi' || value.flag()) otherSignIn(target, value)
    },
  },
]

/** Every name and synonym. */
export const PARAMETER_NAMES: readonly string[] = PARAMETERS.flatMap(({ names }) => names)

const BY_KEY = new Map(PARAMETERS.flatMap((parameter) => parameter.names.map((name) => [keyOf(name), parameter])))

/** The parameter of a name or synonym. */
export function parameterOf(name: string): Parameter | undefined {
  return BY_KEY.get(keyOf(name))
}

/** As names are compared: without case, blanks and underscores. */
export function keyOf(name: string): string {
  return name.toLowerCase().replace(/[\s_]/g, '')
}

function detail(name: keyof GivenDetails, ...synonyms: string[]): Parameter {
  return {
    names: [name, ...synonyms],
    read(target, value) {
      target.details[name] = value
    },
  }
}

function otherSignIn(target: Target, value: Value): void {
  target.otherSignIns.push(value)
}
