import { officialPools } from '../rotation/official-pool.ts'
import type { GenerationPool } from '../rotation/pool.ts'
import type { Setup } from '../setup.ts'
import type { Lease } from '../token/lease.ts'

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** A session through the official adapter, as Prisma Client has it. */
export class Session {
  readonly #pool: GenerationPool

  private constructor(pool: GenerationPool) {
    this.#pool = pool
  }

  /** @throws EntraError where no connection can be opened; the signal's reason */
  static async open({ mssql, schema, audience, clock }: Setup, lease: Lease, signal: AbortSignal): Promise<Session> {
    const config = { ...mssql, pool: { ...mssql.pool, min: 0, max: 1 } }
    const open = officialPools(config, schema === undefined ? {} : { schema }, audience, clock)
    return new Session(await open(lease, signal))
  }

  /** The only row of a query. @throws EntraError, or what the server said */
  async row(sql: string): Promise<Row> {
    try {
      const { columnNames, rows } = await this.#pool.queryRaw({ sql, args: [], argTypes: [] })
      return Object.fromEntries(columnNames.map((name, index) => [name, rows[0]?.[index]]))
    } catch (error) {
      throw this.#pool.explain(error)
    }
  }

  async close(): Promise<void> {
    this.#pool.terminate()
    await this.#pool.dispose().catch(() => {})
  }
}
