import { Client, type QueryArrayResult, type QueryResult } from 'pg'
import { Catalogue } from './catalogue.ts'
import type { Databases } from './databases.ts'

/** Returns values as PostgreSQL's text; the wire converts them to SQL Server's. */
const RAW_TYPES = { getTypeParser: () => (text: string) => text }

const SETTINGS = `SET search_path = mssql, dbo, pg_catalog; SET TimeZone = 'UTC'; SET extra_float_digits = 1`

/** A session's connection to PostgreSQL, and the catalogue of its database. */
export class DatabaseConnection {
  readonly database: string
  readonly client: Client
  readonly #databases: Databases
  #catalogue: { version: number; value: Catalogue } | undefined

  private constructor(database: string, client: Client, databases: Databases) {
    this.database = database
    this.client = client
    this.#databases = databases
  }

  static async open(database: string, databases: Databases): Promise<DatabaseConnection> {
    const client = new Client({ ...databases.postgres, database })
    client.on('error', () => {})
    await client.connect()
    await client.query(SETTINGS)
    return new DatabaseConnection(database, client, databases)
  }

  /** The catalogue as this session sees it, reloaded after any session has changed the schema. */
  async catalogue(): Promise<Catalogue> {
    const version = this.#databases.versionOf(this.database)
    if (this.#catalogue?.version !== version) {
      this.#catalogue = { version, value: await Catalogue.load(this.client, this.database) }
    }
    return this.#catalogue.value
  }

  query(
    text: string,
    values: (string | null | (string | null)[])[] = [],
  ): Promise<QueryArrayResult<(string | null)[]>> {
    return this.client.query<(string | null)[]>({ text, values, rowMode: 'array', types: RAW_TYPES })
  }

  /** Several statements, without values. */
  script(text: string): Promise<QueryResult> {
    return this.client.query(text)
  }

  schemaChanged(): void {
    this.#databases.bump(this.database)
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => {})
  }
}
