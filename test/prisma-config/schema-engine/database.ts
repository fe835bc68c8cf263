import { readFileSync } from 'node:fs'
import mssql from 'mssql'
import { readUrl } from '../../support/sqlserver-url.ts'

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

  /**
   * @param url - `sqlserver://…;user=…;password=…;encrypt=DANGER_PLAINTEXT`
   * @param database - another one than the URL's
   */
  static async open(url: string, database?: string): Promise<Database> {
    const { host, port, value } = readUrl(url)
    const encrypt = value('encrypt') === 'true'
    if (!encrypt && value('encrypt') !== 'DANGER_PLAINTEXT') throw new EngineError('encrypt must be said.')
    let refusal: { number: number; message: string } | undefined
    const pool = new mssql.ConnectionPool({
      server: host,
      port,
      user: value('user'),
      password: value('password'),
      database: database ?? value('database'),
      connectionTimeout: 60_000,
      requestTimeout: 60_000,
      pool: { min: 1, max: 1 },
      options: encrypt
        ? { encrypt, cryptoCredentialsDetails: { ca: readFileSync(value('trustServerCertificateCA')) } }
        : { encrypt },
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

  /** Opens one for some work, and closes it. */
  static async using<T>(url: string, work: (database: Database) => Promise<T>, name?: string): Promise<T> {
    const database = await Database.open(url, name)
    try {
      return await work(database)
    } finally {
      await database.close()
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

  close(): Promise<void> {
    return this.#pool.close()
  }
}

/** A value between quotes. */
export function literal(text: string): string {
  return `N'${text.replaceAll("'", "''")}'`
}

/** A name between brackets. */
export function quoted(name: string): string {
  return `[${name.replaceAll(']', ']]')}]`
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
