import { Client, Pool } from 'pg'
import type { Postgres } from '../postgres.ts'
import { PRELUDE } from './prelude.ts'
import { SqlError } from './sql-error.ts'

const TEMPLATE = 'local_engine_template'

/** The databases of an engine: each is a PostgreSQL database, created from a template with the prelude. */
export class Databases {
  readonly postgres: Pick<Postgres, 'host' | 'port' | 'user' | 'password'>
  readonly #versions = new Map<string, number>()
  readonly #admin: Pool
  #last: Promise<unknown> = Promise.resolve()

  private constructor(postgres: Databases['postgres'], admin: Pool) {
    this.postgres = postgres
    this.#admin = admin
  }

  static async open({ host, port, user, password }: Databases['postgres']): Promise<Databases> {
    const postgres = { host, port, user, password }
    const admin = new Pool({ ...postgres, database: 'postgres', max: 1 })
    admin.on('error', () => {})
    const databases = new Databases(postgres, admin)
    await databases.#makeTemplate()
    return databases
  }

  async #makeTemplate(): Promise<void> {
    await this.#admin.query(`CREATE DATABASE ${TEMPLATE}`)
    const client = new Client({ ...this.postgres, database: TEMPLATE })
    await client.connect()
    await client.query(PRELUDE)
    await client.end()
    for (const name of ['master', 'tempdb']) await this.create(name)
  }

  /** The name as created, whatever the case of the query; undefined if there is none. */
  async find(name: string): Promise<string | undefined> {
    const { rows } = await this.#admin.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE lower(datname) = lower($1) AND NOT datistemplate',
      [name],
    )
    return rows[0]?.datname
  }

  /** @throws {@link SqlError} 1801 where it exists */
  create(name: string): Promise<void> {
    return this.#inTurn(async () => {
      if ((await this.find(name)) !== undefined) {
        throw new SqlError(1801, `Database '${name}' already exists. Choose a different database name.`, 16, 3)
      }
      await this.#admin.query(`CREATE DATABASE "${name.replaceAll('"', '""')}" TEMPLATE ${TEMPLATE}`)
    })
  }

  /** @throws {@link SqlError} 3701 where it does not exist */
  drop(name: string, ifExists: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.find(name)
      if (found !== undefined) await this.#admin.query(`DROP DATABASE "${found.replaceAll('"', '""')}" WITH (FORCE)`)
      else if (!ifExists) {
        const why = 'because it does not exist or you do not have permission.'
        throw new SqlError(3701, `Cannot drop the database '${name}', ${why}`, 11)
      }
    })
  }

  /** Cancels what a session's connection is doing. */
  async cancel(processId: number): Promise<void> {
    await this.#admin.query('SELECT pg_cancel_backend($1)', [processId])
  }

  versionOf(database: string): number {
    return this.#versions.get(database) ?? 0
  }

  bump(database: string): void {
    this.#versions.set(database, this.versionOf(database) + 1)
  }

  async close(): Promise<void> {
    await this.#admin.end().catch(() => {})
  }

  /** PostgreSQL cannot copy a template twice at the same time. */
  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action)
    this.#last = result.catch(() => {})
    return result
  }
}
