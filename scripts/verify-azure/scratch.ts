import { randomBytes } from 'node:crypto'
import type { TdsClient } from '../../test/support/tds-client.ts'
import type { Subject } from './subject.ts'

/** Where the verification works: its own schemas and tables, with names that nobody else uses. */
export class Scratch {
  readonly schema: string
  /** For Prisma's commands only: they would drop everything else in it. */
  readonly prismaSchema: string
  /** The model that Prisma's commands create. */
  readonly book: string
  /** The table of numbered texts, quoted. */
  readonly texts: string
  /** A table like it for bulk load, quoted. */
  readonly loaded: string
  readonly #subject: Subject
  #made = false
  #shadow: string | undefined

  constructor(subject: Subject) {
    this.#subject = subject
    this.schema = `verify_${randomBytes(4).toString('hex')}`
    this.prismaSchema = `${this.schema}_prisma`
    this.book = `${this.schema}_Book`
    this.texts = `[${this.schema}].[texts]`
    this.loaded = `[${this.schema}].[loaded]`
  }

  /** Creates the schemas and tables. */
  async make(): Promise<void> {
    // Even if the next lines fail, there may be something to drop.
    this.#made = true
    await this.#subject.withDriver(async (client) => {
      for (const schema of [this.schema, this.prismaSchema]) await client.run(`CREATE SCHEMA [${schema}]`)
      for (const table of [this.texts, this.loaded]) {
        await client.run(`CREATE TABLE ${table} ([id] INT NOT NULL, [text] NVARCHAR(MAX))`)
      }
    })
  }

  /** Drops the tables that Prisma's commands created. */
  async clearPrisma(): Promise<void> {
    await this.#subject.withDriver((client) => this.#dropTables(client, [this.prismaSchema]))
  }

  /** Makes {@link drop} remove Prisma's table from a shadow database too: Prisma only clears it the next time. */
  useShadow(database: string): void {
    this.#shadow = database
  }

  /** Drops everything. @returns what could not be dropped, as T-SQL */
  async drop(): Promise<string[]> {
    if (!this.#made) return []
    const schemas = [this.schema, this.prismaSchema]
    const left: string[] = []
    try {
      await this.#subject.withDriver(async (client) => {
        await this.#dropTables(client, schemas)
        for (const schema of schemas) {
          const statement = `DROP SCHEMA IF EXISTS [${schema}]`
          await client.run(statement).catch(() => left.push(`${statement};`))
        }
      })
    } catch {
      left.push(...schemas.map((schema) => `-- drop the tables of ${schema}, then: DROP SCHEMA IF EXISTS [${schema}];`))
    }
    if (this.#shadow !== undefined) {
      const statement = `DROP TABLE IF EXISTS [${this.book}]`
      await this.#subject
        .withDriver((client) => client.run(statement), this.#shadow)
        .catch(() => left.push(`${statement}; -- in the shadow database`))
    }
    return left
  }

  async #dropTables(client: TdsClient, schemas: readonly string[]): Promise<void> {
    const list = schemas.map((schema) => `'${schema}'`).join(', ')
    const tables = await client.run(
      'SELECT [TABLE_SCHEMA], [TABLE_NAME] FROM [INFORMATION_SCHEMA].[TABLES] ' +
        `WHERE [TABLE_SCHEMA] IN (${list}) OR [TABLE_NAME] = '${this.book}'`,
    )
    for (const [schema, table] of tables) await client.run(`DROP TABLE [${schema}].[${table}]`)
  }
}
