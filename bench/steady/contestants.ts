import { PrismaMssql } from '@prisma/adapter-mssql'
import type { SqlDriverAdapterFactory, SqlQuery } from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { Connection, Request, TYPES } from 'tedious'
import type { Place } from './server-process.ts'

/** The size of a pool: what all adapters have by default. */
const CONNECTIONS = 10
const TOKEN = 'x'.repeat(1_800)
const EMAIL = 'ann@example.test'
const SQL = 'SELECT [id], [email], [name], [active], [createdAt] FROM [dbo].[User] WHERE [email] = @P1'
const QUERY: SqlQuery = { sql: SQL, args: [EMAIL], argTypes: [{ scalarType: 'string', arity: 'scalar' }] }

const authentication = { type: 'azure-active-directory-access-token', options: { token: TOKEN } } as const

/** Each connects, and gives what runs one query. The same query, by the same connections, for the same row. */
export const CONTESTANTS = {
  official: (place: Place) => adapterOf(new PrismaMssql({ ...configFor(place), authentication })),
  // The types of mssql know only true and false.
  socket: (place: Place) =>
    adapterOf(new PrismaMssql({ ...configFor(place), authentication, validateConnection: 'socket' } as MssqlConfig)),
  ours: (place: Place) => adapterOf(new PrismaMssqlEntra(configFor(place), { credential: { getToken } })),
  tedious,
} as const

export type Contestant = keyof typeof CONTESTANTS

const getToken = async () => ({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 })

function configFor({ port, ca }: Place): MssqlConfig {
  return { server: 'localhost', port, database: 'app', options: { encrypt: true, cryptoCredentialsDetails: { ca } } }
}

async function adapterOf(factory: SqlDriverAdapterFactory): Promise<() => Promise<unknown>> {
  const adapter = await factory.connect()
  return () => adapter.queryRaw(QUERY)
}

/** No pool but a list, nothing but what the driver itself does. */
async function tedious(place: Place): Promise<() => Promise<unknown>> {
  const free = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(place)))
  const waiting: ((connection: Connection) => void)[] = []
  return () =>
    new Promise((resolve, reject) => {
      const run = (connection: Connection) => {
        const rows: unknown[][] = []
        const request = new Request(SQL, (error) => {
          const next = waiting.shift()
          if (next === undefined) free.push(connection)
          else next(connection)
          if (error) reject(error)
          else resolve(rows)
        })
        request.addParameter('P1', TYPES.NVarChar, EMAIL)
        request.on('row', (columns: { value: unknown }[]) => rows.push(columns.map(({ value }) => value)))
        connection.execSql(request)
      }
      const connection = free.pop()
      if (connection === undefined) waiting.push(run)
      else run(connection)
    })
}

function connect({ port, ca }: Place): Promise<Connection> {
  const options = { port, database: 'app', encrypt: true, cryptoCredentialsDetails: { ca } }
  const connection = new Connection({ server: 'localhost', authentication, options })
  return new Promise((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve(connection)))
  })
}
