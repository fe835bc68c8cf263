import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Postgres, startPostgres } from './postgres.ts'
import { Databases } from './sql/databases.ts'
import { SqlError } from './sql/sql-error.ts'
import { SqlSession } from './sql/sql-session.ts'
import { acceptLogin, isFederated, loginFailed, packetSizeOf, readLogin, refuseLogin } from './wire/login.ts'
import { TdsSession } from './wire/tds-session.ts'

/** Options of {@link startEngine}. */
export interface EngineOptions {
  /** @defaultValue `sa` */
  user?: string
  /** @defaultValue random */
  password?: string
  /** A database to create at startup. @defaultValue `app` */
  database?: string
  /** The PostgreSQL to run on. @defaultValue a new one */
  postgres?: Postgres
}

/** A TDS server on 127.0.0.1 for SQL logins. It runs SQL Server's dialect on PostgreSQL. */
export interface Engine {
  readonly host: '127.0.0.1'
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** Sessions that are logged in. */
  readonly sessions: number
  close(): Promise<void>
}

/** Lower ids are SQL Server's own sessions. */
const FIRST_SPID = 51
const LAST_SPID = 32_767

/** Starts an engine, and a PostgreSQL for it unless you pass one. */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const { user = 'sa', password = `Local-${Math.random().toString(36).slice(2)}`, database = 'app' } = options
  const postgres = options.postgres ?? (await startPostgres())
  const databases = await Databases.open(postgres)
  if ((await databases.find(database)) === undefined) await databases.create(database)

  const sockets = new Set<Socket>()
  let sessions = 0
  let lastSpid = FIRST_SPID - 1

  async function serve(socket: Socket): Promise<void> {
    const login = await readLogin(socket)
    if (isFederated(login) || login.userName !== user || login.password !== password) {
      socket.end(refuseLogin([loginFailed(login.userName)]))
      return
    }
    lastSpid = lastSpid >= LAST_SPID ? FIRST_SPID : lastSpid + 1
    const spid = lastSpid
    const engineLogin = { user, password, database: login.database, applicationName: login.applicationName, spid }
    const session = await SqlSession.open(engineLogin, databases).catch((error) => {
      if (!(error instanceof SqlError)) throw error
      socket.end(refuseLogin([error.toMessage(), loginFailed(login.userName)]))
    })
    if (session === undefined) return
    sessions++
    try {
      socket.write(acceptLogin(login, session.database, spid))
      await new TdsSession(socket, session, packetSizeOf(login), spid).serve()
    } finally {
      sessions--
      await session.close()
    }
  }

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    serve(socket)
      .catch((error) => {
        if (process.env.ENGINE_DEBUG) console.error(error)
      })
      .finally(() => socket.destroySoon())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    user,
    password,
    database,
    get sessions() {
      return sessions
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
      await databases.close()
      if (options.postgres === undefined) await postgres.close()
    },
  }
}
