import { randomBytes } from 'node:crypto'
import type { TdsClient } from '../../test/support/tds-client.ts'
import type { Subject } from './subject.ts'

/** A schema that Prisma's commands have for themselves would be cleared by them of all else: so there are two. */
const BOOK = 'Book'

/** Where the verification works: schemas and tables whose names nobody else has. */
export class Scratch {
  /** For statements of every size. */
  readonly schema: string
  /** For Prisma's commands, and nothing else. */
  readonly prismaSchema: string
  /** The model that Prisma's commands make. */
  readonly book: string
  readonly #subject: Subject
  #made = false
  /** The shadow database, once Prisma has worked in it. */
  #shadow: string | undefined

  constructor(subject: Subject, suffix = randomBytes(4).toString('hex')) {
    this.#subject = subject
    this.schema = `verify_${suffix}`
    this.prismaSchema = `verify_${suffix}_prisma`
    this.book = `verify_${suffix}_${BOOK}`
  }

  /** The table of numbered texts, quoted. */
  get texts(): string {
    return `[${this.schema}].[texts]`
  }

  /** A like table for bulk load, quoted. */
  get loaded(): string {
    return `[${this.schema}].[loaded]`
  }

  /** Makes the schemas and tables. */
  async make(client: TdsClient): Promise<void> {
    // Whatever comes of the next lines, there may be something to drop.
    this.#made = true
    for (const schema of [this.schema, this.prismaSchema]) await client.run(`CREATE SCHEMA [${schema}]`)
    for (const table of [this.texts, this.loaded]) {
      await client.run(`CREATE TABLE ${table} ([id] INT NOT NULL, [text] NVARCHAR(MAX))`)
    }
  }

  /** Drops the tables that Prisma's commands made. */
  async clearPrisma(): Promise<void> {
    await this.#withDriver((client) => this.#dropTables(client, [this.prismaSchema]))
  }

  /** Has what Prisma leaves in a shadow database, which it would empty only the next time, dropped too. */
  useShadow(database: string): void {
    this.#shadow = database
  }

  /**
   * Drops all of it, on a connection of its own.
   *
   * @returns as T-SQL, what could not be dropped
   */
  async drop(): Promise<string[]> {
    if (!this.#made) return []
    const schemas = [this.schema, this.prismaSchema]
    try {
      return await this.#withDriver(async (client) => {
        await this.#dropTables(client, schemas)
        const left: string[] = []
        for (const schema of schemas) {
          const statement = `DROP SCHEMA IF EXISTS [${schema}]`
          await client.run(statement).catch(() => left.push(`${statement};`))
        }
        return [...left, ...(await this.#dropInShadow())]
      })
    } catch {
      return schemas.map((schema) => `-- drop the tables of ${schema}, then: DROP SCHEMA IF EXISTS [${schema}];`)
    }
  }

  async #dropInShadow(): Promise<string[]> {
    const database = this.#shadow
    if (database === undefined) return []
    const statement = `DROP TABLE IF EXISTS [${this.book}]`
    try {
      await this.#withDriver((client) => client.run(statement), database)
      return []
    } catch {
      return [`${statement}; -- in the shadow database`]
    }
  }

  async #dropTables(client: TdsClient, schemas: readonly string[]): Promise<void> {
    const list = schemas.map((schema) => `'${schema}'`).join(', ')
    const tables = await client.run(
      'SELECT [TABLE_SCHEMA], [TABLE_NAME] FROM [INFORMATION_SCHEMA].[TABLES] ' +
        `WHERE [TABLE_SCHEMA] IN (${list}) OR [TABLE_NAME] = '${this.book}'`,
    )
    for (const [schema, table] of tables) await client.run(`DROP TABLE [${schema}].[${table}]`)
  }

  async #withDriver<T>(work: (client: TdsClient) => Promise<T>, database?: string): Promise<T> {
    const client = await this.#subject.openDriver(database)
    try {
      return await work(client)
    } finally {
      await client.close()
    }
  }
}
