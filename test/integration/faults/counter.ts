import type { PrismaClient } from '../../../generated/prisma/client.ts'
import type { Database } from '../database.ts'

const EMAIL = 'counter@example.test'

/** A row that counts how often a statement has run. It is read without the gateway. */
export class Counter {
  readonly #sql: Database['sql']

  private constructor(sql: Database['sql']) {
    this.#sql = sql
  }

  /** Creates the row. */
  static async in({ sql }: Pick<Database, 'sql'>): Promise<Counter> {
    await sql(`INSERT INTO [dbo].[User] ([email], [credits], [updatedAt]) VALUES (N'${EMAIL}', 0, N'2026-01-01')`)
    return new Counter(sql)
  }

  /** Increments the row with one statement. */
  async increment(client: Pick<PrismaClient, 'user'>): Promise<number> {
    const { count } = await client.user.updateMany({ where: { email: EMAIL }, data: { credits: { increment: 1 } } })
    return count
  }

  async value(): Promise<number> {
    const [row] = await this.#sql(`SELECT [credits] FROM [dbo].[User] WHERE [email] = N'${EMAIL}'`)
    return Number(row?.credits)
  }
}
