import { type Upstream, upstreamOf } from '../src/testing/gateway/upstream.ts'
import { startEngine } from './engine/engine.ts'

/** A server with a SQL login and a database to fill, for a gateway to stand in front of. */
export interface RunningUpstream {
  readonly server: Required<Upstream>
  close(): Promise<void>
}

/**
 * The real SQL Server that `SQLSERVER_URL` names (`sqlserver://host:port;user=…;password=…;database=…`), or a local
 * engine with a database of its own.
 */
export async function startUpstream(): Promise<RunningUpstream> {
  const url = process.env.SQLSERVER_URL
  if (url) return { server: complete(upstreamOf(url)), close: async () => {} }
  const engine = await startEngine()
  const { host, port, user, password, database } = engine
  return { server: complete({ host, port, user, password, database, encrypt: false }), close: () => engine.close() }
}

function complete(server: Upstream): Required<Upstream> {
  if (server.database === undefined) throw new Error('SQLSERVER_URL must name a database that the tests may fill.')
  return { port: 1433, encrypt: true, trustServerCertificate: false, ...server, database: server.database }
}
