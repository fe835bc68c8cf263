import { explainDriverError } from '../driver/driver-errors.ts'
import type { EntraConnection } from '../driver/entra-connection.ts'
import { ConnectionOpener } from '../driver/open-connection.ts'
import type { Setup } from '../setup.ts'
import type { Lease } from '../token/lease.ts'

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** A session through the official adapter, as Prisma Client has it. */
export class Session {
  readonly #connection: EntraConnection

  private constructor(connection: EntraConnection) {
    this.#connection = connection
  }

  /** @throws EntraError where no connection can be opened; the signal's reason */
  static async open({ mssql, schema, audience }: Setup, lease: Lease, signal: AbortSignal): Promise<Session> {
    const opener = new ConnectionOpener(mssql, schema === undefined ? {} : { schema }, audience)
    return new Session(await opener.open(lease, signal))
  }

  /** The only row of a query. @throws EntraError, or what the server said */
  async row(sql: string): Promise<Row> {
    try {
      const { columnNames, rows } = await this.#connection.queryRaw({ sql, args: [], argTypes: [] })
      return Object.fromEntries(columnNames.map((name, index) => [name, rows[0]?.[index]]))
    } catch (error) {
      throw explainDriverError(error)
    }
  }

  async close(): Promise<void> {
    this.#connection.close('disconnected')
  }
}
