import { type Upstream, upstreamOf } from '../src/testing/gateway/upstream.ts'
import { startEngine } from './engine/engine.ts'
import { borrowPostgres } from './engine/shared-postgres.ts'

/** A server with a SQL login and a database to fill, for a gateway to stand in front of. */
export interface RunningUpstream {
  readonly server: Required<Upstream>
  close(): Promise<void>
}

/**
 * The real SQL Server that `SQLSERVER_URL` names (`sqlserver://host:port;user=…;password=…;database=…`), or a local
 * engine with databases of its own; its PostgreSQL is that of the test run, if there is one.
 */
export async function startUpstream(): Promise<RunningUpstream> {
  const url = process.env.SQLSERVER_URL
  if (url) return { server: complete(upstreamOf(url)), close: async () => {} }
  const engine = await startEngine({ postgres: await borrowPostgres() })
  const { host, port, user, password, database } = engine
  return { server: complete({ host, port, user, password, database, encrypt: false }), close: () => engine.close() }
}

function complete(server: Upstream): Required<Upstream> {
  if (server.database === undefined) throw new Error('SQLSERVER_URL must name a database that the tests may fill.')
  return { port: 1433, encrypt: true, trustServerCertificate: false, ...server, database: server.database }
}
