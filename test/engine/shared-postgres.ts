import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Postgres } from './postgres.ts'
import type { PostgresLogin } from './sql/databases.ts'

/** A PostgreSQL for several engines, of which each keeps to a namespace of its own. */
export interface SharedPostgres extends PostgresLogin {
  /** What sets the databases of one engine apart from those of others. */
  namespace: string
  /** Gives it back: whoever lends it stops it. */
  close(): Promise<void>
}

/** Where processes of a test run ask for the PostgreSQL that they share. */
const PORT = 'TEST_POSTGRES_PORT'

/**
 * Lends one PostgreSQL to all processes that this one starts: each engine has a namespace in it. It is started when
 * somebody asks for it, and not before.
 *
 * @returns what stops it
 */
export async function lendPostgres(start: () => Promise<Postgres>): Promise<() => Promise<void>> {
  let postgres: Promise<Postgres> | undefined
  let lent = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const namespace = `engine${++lent}`
    postgres ??= start()
    postgres.then(
      ({ host, port, user, password }) => socket.end(JSON.stringify({ host, port, user, password, namespace })),
      (error) => socket.end(JSON.stringify({ failed: String(error) })),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.env[PORT] = String((server.address() as AddressInfo).port)
  return async () => {
    delete process.env[PORT]
    server.close()
    await (await postgres?.catch(() => undefined))?.close()
  }
}

/** The PostgreSQL of this test run, with a namespace that nobody else has; undefined where no run lends one. */
export async function borrowPostgres(): Promise<SharedPostgres | undefined> {
  const port = process.env[PORT]
  if (port === undefined) return undefined
  const answer = JSON.parse(await text(connect(Number(port), '127.0.0.1')))
  if (answer.failed !== undefined) throw new Error(`The test run could not start PostgreSQL: ${answer.failed}`)
  return { ...answer, close: async () => {} }
}
