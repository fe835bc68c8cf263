import { Client, Pool } from 'pg'
import type { Postgres } from '../postgres.ts'
import { PRELUDE } from './prelude.ts'
import { SqlError } from './sql-error.ts'

const TEMPLATE = 'local_engine_template'

/** Where a PostgreSQL is, and its login. */
export type PostgresLogin = Pick<Postgres, 'host' | 'port' | 'user' | 'password'>

/** Makes the template of a PostgreSQL that has just started: each database of an engine begins as its copy. */
export async function makeTemplate({ host, port, user, password }: PostgresLogin): Promise<void> {
  const login = { host, port, user, password }
  const query = async (database: string, text: string) => {
    const client = new Client({ ...login, database })
    await client.connect()
    await client.query(text)
    await client.end()
  }
  await query('postgres', `CREATE DATABASE ${TEMPLATE}`)
  await query(TEMPLATE, PRELUDE)
  // Nobody, not even autovacuum, connects to it: PostgreSQL does not copy a database that is in use.
  await query('postgres', `ALTER DATABASE ${TEMPLATE} ALLOW_CONNECTIONS false`)
}

/**
 * The databases of an engine: each is one of PostgreSQL's, made from a template that holds the prelude. PostgreSQL knows
 * them as `namespace.name`, so that several engines may share it; the prelude and this class alone know of that.
 */
export class Databases {
  readonly #postgres: PostgresLogin
  readonly #namespace: string
  readonly #versions = new Map<string, number>()
  readonly #admin: Pool
  #last: Promise<unknown> = Promise.resolve()

  private constructor(postgres: PostgresLogin, namespace: string, admin: Pool) {
    this.#postgres = postgres
    this.#namespace = namespace
    this.#admin = admin
  }

  /** `master` and `tempdb`, on a PostgreSQL that has its template. */
  static async open({ host, port, user, password }: PostgresLogin, namespace: string): Promise<Databases> {
    const postgres = { host, port, user, password }
    const admin = new Pool({ ...postgres, database: 'postgres', max: 1 })
    admin.on('error', () => {})
    const databases = new Databases(postgres, namespace, admin)
    for (const name of ['master', 'tempdb']) await databases.create(name)
    return databases
  }

  /** Connects to one of them. */
  async connect(name: string): Promise<Client> {
    const client = new Client({ ...this.#postgres, database: this.#known(name) })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  /** As PostgreSQL knows it. */
  #known(name: string): string {
    return `${this.#namespace}.${name}`
  }

  /** The name as it was made, whatever the case; undefined where there is none. */
  async find(name: string): Promise<string | undefined> {
    const { rows } = await this.#admin.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE lower(datname) = lower($1)',
      [this.#known(name)],
    )
    return rows[0]?.datname.slice(this.#known('').length)
  }

  /** @throws {@link SqlError} 1801 where it exists */
  create(name: string): Promise<void> {
    return this.#inTurn(async () => {
      if ((await this.find(name)) !== undefined) {
        throw new SqlError(1801, `Database '${name}' already exists. Choose a different database name.`, 16, 3)
      }
      await this.#admin.query(`CREATE DATABASE ${this.#quoted(name)} TEMPLATE ${TEMPLATE}`)
    })
  }

  /** @throws {@link SqlError} 3701 where it does not exist */
  drop(name: string, ifExists: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.find(name)
      if (found !== undefined) await this.#admin.query(`DROP DATABASE ${this.#quoted(found)} WITH (FORCE)`)
      else if (!ifExists) {
        const why = 'because it does not exist or you do not have permission.'
        throw new SqlError(3701, `Cannot drop the database '${name}', ${why}`, 11)
      }
    })
  }

  /** Drops all of them. */
  async dropAll(): Promise<void> {
    const { rows } = await this.#admin.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE split_part(datname, '.', 1) = $1`,
      [this.#namespace],
    )
    for (const { datname } of rows) await this.drop(datname.slice(this.#known('').length), true)
  }

  #quoted(name: string): string {
    return `"${this.#known(name).replaceAll('"', '""')}"`
  }

  /** Ends what a session's connection is doing. */
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

  /** PostgreSQL copies a template for one at a time. */
  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action)
    this.#last = result.catch(() => {})
    return result
  }
}
