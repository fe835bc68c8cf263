import mssql from 'mssql'
import { readUrl } from '../support/sqlserver-url.ts'

/** What the engine tells the CLI. */
export class EngineError extends Error {
  readonly code: string | undefined

  /** @param code - Prisma's */
  constructor(message: string, code?: string) {
    super(message)
    this.code = code
  }
}

/** One connection with user and password, as the schema engine's driver has it. */
export class Database {
  readonly #pool: mssql.ConnectionPool

  private constructor(pool: mssql.ConnectionPool) {
    this.#pool = pool
  }

  /** @param url - `sqlserver://…;user=…;password=…;encrypt=DANGER_PLAINTEXT` */
  static async open(url: string): Promise<Database> {
    const { host, port, value } = readUrl(url)
    if (value('encrypt') !== 'DANGER_PLAINTEXT') throw new EngineError('The stand-in speaks in the clear only.')
    let refusal: { number: number; message: string } | undefined
    const pool = new mssql.ConnectionPool({
      server: host,
      port,
      user: value('user'),
      password: value('password'),
      database: value('database'),
      connectionTimeout: 60_000,
      requestTimeout: 60_000,
      pool: { min: 1, max: 1 },
      options: { encrypt: false },
      beforeConnect: (connection) => {
        connection.on('errorMessage', (error: { number: number; message: string }) => {
          refusal ??= error
        })
      },
    })
    try {
      return new Database(await pool.connect())
    } catch (error) {
      throw refusal === undefined ? new EngineError(String(error), 'P1001') : explained(refusal)
    }
  }

  async run(sql: string): Promise<Record<string, unknown>[]> {
    try {
      const { recordset } = await this.#pool.request().batch(sql)
      return recordset ?? []
    } catch (error) {
      throw new EngineError(`Database error: ${(error as Error).message}`)
    }
  }

  async name(): Promise<string> {
    return String((await this.run('SELECT DB_NAME() AS name'))[0]?.name)
  }

  async hasMigrationsTable(): Promise<boolean> {
    const [row] = await this.run("SELECT OBJECT_ID('_prisma_migrations') AS id")
    return typeof row?.id === 'number'
  }

  async makeMigrationsTable(): Promise<void> {
    if (await this.hasMigrationsTable()) return
    await this.run(`CREATE TABLE [_prisma_migrations] (
      [id] VARCHAR(36) PRIMARY KEY NOT NULL,
      [checksum] VARCHAR(64) NOT NULL,
      [finished_at] DATETIMEOFFSET,
      [migration_name] NVARCHAR(250) NOT NULL,
      [logs] NVARCHAR(MAX) NULL,
      [rolled_back_at] DATETIMEOFFSET,
      [started_at] DATETIMEOFFSET NOT NULL DEFAULT CURRENT_TIMESTAMP,
      [applied_steps_count] INT NOT NULL DEFAULT 0
    )`)
  }

  async appliedMigrations(): Promise<string[]> {
    const rows = await this.run(
      'SELECT [migration_name] AS name FROM [_prisma_migrations] WHERE [finished_at] IS NOT NULL',
    )
    return rows.map(({ name }) => String(name))
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}

/** As quaint has it: two numbers are Prisma's own errors, and their text is lost. */
function explained({ number, message }: { number: number; message: string }): EngineError {
  if (number === 18456) {
    const user = message.split("'")[1]
    return new EngineError(
      `Authentication failed against database server, the credentials for \`${user}\` are not valid.`,
      'P1000',
    )
  }
  if (number === 4060) return new EngineError(`Database \`${message.split('"')[1]}\` does not exist`, 'P1003')
  return new EngineError(`Error ${number}: ${message}`)
}
