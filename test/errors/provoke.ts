import { ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity'
import { vi } from 'vitest'
import { connectionOpener } from '../../src/driver/open-connection.ts'
import type { EntraErrorCode } from '../../src/errors/entra-error.ts'
import { PrismaMssqlEntra, type TokenEvent, TokenSource } from '../../src/index.ts'
import type { FaultError, GatewayFault } from '../../src/testing/gateway/faults.ts'
import { type GatewayOptions, startGateway } from '../../src/testing/gateway/gateway.ts'
import { systemClock } from '../../src/time/clock.ts'
import { Lease } from '../../src/token/lease.ts'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'
import type { Database } from '../integration/database.ts'
import { freePort } from '../support/free-port.ts'

const SQL = 'https://database.windows.net/.default'

/** What fails is not tried again. */
const ONCE = { rotation: { connectRetryTimeout: 0 } }

/** A name that no DNS message can hold (RFC 1035, 2.3.4: labels of 63 octets), so that none is sent. */
export const NO_SUCH_HOST = `${'a'.repeat(64)}.invalid`

/** Makes each error come about on the local Azure, and gives what was thrown. */
export type Provocations = Readonly<Record<EntraErrorCode, () => Promise<unknown>>>

/** What some work threw. @throws where it threw nothing */
export async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown.')
}

/** Everything is provoked through Prisma Client, unless that never shows it. */
export function provocations(db: Database): Provocations {
  const query = (...connection: Parameters<Database['connect']>) =>
    thrownBy(() => db.connect(...connection).prisma.$queryRaw`SELECT 1 AS one`)

  /** A query while something goes wrong at the gateway. */
  const queryUnder = (fault: GatewayFault, ...connection: Parameters<Database['connect']>) =>
    under(db, fault, () => query(...connection))

  const refused = (error: FaultError) => queryUnder({ at: 'login', action: { refuse: error } }, ONCE)

  /** The error of the first request that fails. */
  const failedRequest = async (source: TokenSource) => {
    try {
      return await new Promise<unknown>((resolve) => {
        source.subscribe((event: TokenEvent) => event.type === 'token.refresh-failed' && resolve(event.error))
        source.get({ timeout: 60_000 }).catch(() => {})
      })
    } finally {
      source.close()
    }
  }

  const managedIdentity = () => {
    for (const [name, value] of Object.entries(db.azure.authority.environment('app-service'))) vi.stubEnv(name, value)
    return new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } })
  }

  const underAuthority = async <T>(fault: Parameters<typeof db.azure.authority.inject>[0], work: () => Promise<T>) => {
    const injected = db.azure.authority.inject(fault)
    try {
      return await work()
    } finally {
      injected.clear()
    }
  }

  return {
    CONFIG_INVALID: () => thrownBy(() => new PrismaMssqlEntra('sqlserver://localhost:0;database=app')),
    CONFIG_CREDENTIALS: () =>
      thrownBy(() => new PrismaMssqlEntra('sqlserver://h.database.windows.net;user=sa;password=geheim')),
    CONFIG_PLAINTEXT: () => thrownBy(() => new PrismaMssqlEntra('sqlserver://db.example.test;encrypt=false')),
    TOKEN_INVALID: () => query({ credential: () => 'no token' }),
    TOKEN_EXPIRED: () => {
      const credential = { getToken: () => db.azure.authority.issueToken({ lifetime: -5_000 }) }
      return failedRequest(new TokenSource(credential, { scope: SQL }))
    },
    TOKEN_REQUEST_FAILED: () => {
      const { tenantId, clientId } = db.azure.authority.principal('local-service')
      const options = db.azure.authority.clientOptions()
      return query({ credential: new ClientSecretCredential(tenantId, clientId, 'wrong', options) })
    },
    CREDENTIALS_FAILED: () => {
      for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) vi.stubEnv(name, undefined)
      return query({ credential: ['Environment', 'ActiveDirectoryWorkloadIdentity'] })
    },
    TOKEN_REQUEST_THROTTLED: () =>
      underAuthority({ status: 429, retryAfter: 30 }, () =>
        failedRequest(new TokenSource(managedIdentity(), { scope: SQL })),
      ),
    TOKEN_REQUEST_TIMEOUT: () =>
      underAuthority({ hang: true }, () =>
        failedRequest(new TokenSource(managedIdentity(), { scope: SQL, requestTimeout: 200 })),
      ),
    TOKEN_UNAVAILABLE: () =>
      underAuthority({ status: 500 }, () => query({ credential: managedIdentity(), rotation: { waitTimeout: 1_000 } })),
    TOKEN_REFUSED: () =>
      query({
        credential: { getToken: () => db.azure.authority.issueToken({ audience: 'https://graph.microsoft.com/' }) },
      }),
    PRINCIPAL_UNKNOWN: () =>
      throughGateway(db, { principals: {} }, (port, ca) =>
        query({}, { port, options: { cryptoCredentialsDetails: { ca } } }),
      ),
    ENTRA_LOGIN_UNSUPPORTED: () => {
      const { port, encrypt, trustServerCertificate } = db.azure.upstream
      return query(ONCE, { port, options: { encrypt, trustServerCertificate } })
    },
    LOGIN_FAILED: () => {
      const message = "Login failed for user '<token-identified principal>'. Reason: The account is disabled."
      return refused({ number: 18470, message })
    },
    FIREWALL: () => refused({ number: 40615 }),
    DATABASE_NOT_FOUND: () => query(ONCE, { database: 'no_such_database' }),
    DATABASE_UNAVAILABLE: () => refused({ number: 40613 }),
    TOO_MANY_CONNECTIONS: () => refused({ number: 10928 }),
    DATABASE_READ_ONLY: async () => {
      const { prisma } = db.connect(ONCE)
      await prisma.$queryRaw`SELECT 1 AS one`
      const fault: GatewayFault = { at: 'request', action: { refuse: { number: 3906 } }, times: 1 }
      return under(db, fault, () => thrownBy(() => prisma.$executeRaw`UPDATE [User] SET [credits] = 1 WHERE 1 = 0`))
    },
    SERVER_NOT_FOUND: () => query(ONCE, { server: NO_SUCH_HOST }),
    SERVER_UNREACHABLE: async () => query(ONCE, { port: await freePort() }),
    LOGIN_TIMEOUT: () => queryUnder({ at: 'prelogin', action: { hang: true } }, ONCE, { connectionTimeout: 3_000 }),
    TLS_FAILED: async () => {
      const stranger = await createCertificateAuthority({ name: 'Somebody else' })
      return query({}, { options: { cryptoCredentialsDetails: { ca: stranger.certificate } } })
    },
    CONNECT_FAILED: () => queryUnder({ at: 'prelogin', action: { drop: true } }, ONCE),
    ON_CONNECT_FAILED: () => {
      const onConnect = () => {
        throw new Error('no tenant is set')
      }
      return thrownBy(() => db.connect({ onConnect }).adapter.connect())
    },
    CONNECT_TIMEOUT: async () => {
      const { prisma } = db.connect({}, { pool: { max: 1, acquireTimeoutMillis: 500 } })
      // The login may take longer than that.
      await prisma.$connect()
      return prisma.$transaction(() => thrownBy(() => prisma.$queryRaw`SELECT 1 AS one`), { timeout: 60_000 })
    },
    SESSION_TOKEN_EXPIRED: async () => {
      const { prisma } = db.connect()
      await prisma.$queryRaw`SELECT 1 AS one`
      // The statement, then the one that sets up the next session, then the statement again.
      const end: GatewayFault = { at: 'request', action: { refuse: { number: 37396, class: 20 } }, times: 1 }
      const pass: GatewayFault = { at: 'request', action: { delay: 0 }, times: 1 }
      const again = () => thrownBy(() => prisma.$queryRaw`SELECT 1 AS one`)
      return under(db, end, () => under(db, pass, () => under(db, end, again)))
    },
    STATEMENT_TOKEN_EXPIRED: async () => {
      const { prisma } = db.connect({ credential: shortLived(db) })
      await prisma.$queryRaw`SELECT 1 AS one`
      const fault: GatewayFault = { at: 'request', action: { hang: true }, times: 1 }
      return under(db, fault, () => thrownBy(() => prisma.$queryRaw`SELECT 1 AS one`))
    },
    STATEMENT_TIMEOUT: () =>
      thrownBy(() => db.connect({}, { requestTimeout: 500 }).prisma.$executeRaw`WAITFOR DELAY '00:05:00'`),
    CONNECTION_LOST: async () => {
      const { prisma } = db.connect()
      await prisma.$queryRaw`SELECT 1 AS one`
      const fault: GatewayFault = { at: 'response', action: { drop: true }, times: 1 }
      return under(db, fault, () => thrownBy(() => prisma.$queryRaw`SELECT 1 AS one`))
    },
    NOT_SENT: async () => {
      const { token } = await db.azure.authority.issueToken()
      const now = Date.now()
      const lease = new Lease(token, { expiresOn: now, refreshAfter: now - 1, deadline: now }, systemClock)
      const opener = connectionOpener(db.azure.config(), {}, 'https://database.windows.net/')
      return thrownBy(() => opener.open(lease, new AbortController().signal))
    },
    TRANSACTION_TOKEN_EXPIRED: () => {
      const { prisma } = db.connect({ credential: shortLived(db) })
      const work = prisma.$transaction(
        async (tx) => {
          await new Promise((resolve) => setTimeout(resolve, SHORT_LIFE + 500))
          await tx.$queryRaw`SELECT 1 AS one`
        },
        { maxWait: 60_000, timeout: 60_000 },
      )
      return thrownBy(() => work)
    },
    TRANSACTION_INTERRUPTED: () =>
      thrownBy(() =>
        db.connect().prisma.$transaction(async (tx) => {
          const fault: GatewayFault = { at: 'request', action: { refuse: { number: 40613 } }, times: 1 }
          await under(db, fault, () => tx.$queryRaw`SELECT 1 AS one`)
        }),
      ),
    CLOSED: async () => {
      const adapter = await db.connect().adapter.connect()
      await adapter.dispose()
      return thrownBy(() => adapter.queryRaw({ sql: 'SELECT 1 AS one', args: [], argTypes: [] }))
    },
    DEPENDENCY_MISSING: () => thrownBy(() => db.connect({ credential: 'VisualStudioCode' }).adapter.connect()),
    DRIVER_UNSUPPORTED: () => {
      const beforeConnect = (connection: object) => Object.assign(connection, { sendPreLogin: undefined })
      return thrownBy(() => db.connect({}, { beforeConnect }).adapter.connect())
    },
  }
}

/** In ms. */
const SHORT_LIFE = 6_000

function shortLived(db: Database) {
  return { getToken: () => db.azure.authority.issueToken({ lifetime: SHORT_LIFE }) }
}

async function under<T>(db: Database, fault: GatewayFault, work: () => Promise<T>): Promise<T> {
  const injected = db.azure.gateway.inject(fault)
  try {
    return await work()
  } finally {
    injected.clear()
  }
}

/** Runs work on a gateway of its own. */
export async function throughGateway<T>(
  db: Database,
  options: Partial<GatewayOptions>,
  work: (port: number, ca: string) => Promise<T>,
): Promise<T> {
  const { upstream, authority } = db.azure
  const gateway = await startGateway({ upstream, verification: authority.verification, ...options })
  try {
    return await work(gateway.port, gateway.ca)
  } finally {
    await gateway.close()
  }
}
