import mssql from 'mssql'
import type { Upstream } from '../../src/testing/gateway/upstream.ts'

/** A connection with user and password that sets up the database and inspects it from outside. */
export interface SqlLogin {
  /** Runs one batch and returns the rows of its first result. */
  run(sql: string): Promise<Record<string, unknown>[]>
  /** Waits for a lock of this name on the server, and holds it until `close()`. */
  lock(name: string): Promise<void>
  close(): Promise<void>
}

/** Opens one connection and keeps it, to preserve session state. */
export async function openSqlLogin(upstream: Required<Upstream>): Promise<SqlLogin> {
  const { host, encrypt, trustServerCertificate, ...login } = upstream
  const pool = await new mssql.ConnectionPool({
    ...login,
    server: host,
    options: { encrypt, trustServerCertificate },
    requestTimeout: 0,
    pool: { min: 1, max: 1 },
  }).connect()
  return {
    async run(sql) {
      const { recordset } = await pool.request().batch(sql)
      return recordset ?? []
    },
    async lock(name) {
      const { recordset } = await pool
        .request()
        .batch<{ result: number }>(
          `DECLARE @result INT; EXEC @result = sp_getapplock '${name}', 'Exclusive', 'Session', -1; SELECT @result AS result`,
        )
      if ((recordset[0]?.result ?? -1) < 0) throw new Error(`The application lock "${name}" was not given.`)
    },
    close: () => pool.close(),
  }
}
