import {
  DriverAdapterError,
  type IsolationLevel,
  type SqlQuery,
  type SqlResultSet,
  type Transaction,
} from '@prisma/driver-adapter-utils'
import type { CloseReason } from '../events.ts'
import type { PoolConnection } from '../pool/connection.ts'
import { socketsPolled } from '../time/event-loop.ts'
import type { Lease } from '../token/lease.ts'
import { isOfMoving } from './driver-errors.ts'
import { type DriverConnection, type OfficialAdapter, requireMembers } from './official-adapter.ts'

/** The parts of a tedious connection that are not in its types. */
interface DriverConnectionState {
  closed: boolean
  state: unknown
  STATE: { LOGGED_IN: unknown }
  inTransaction: boolean
  socket: { destroyed: boolean; writable: boolean }
}

const SIGN_OF_LIFE: SqlQuery = { sql: 'SELECT 1', args: [], argTypes: [] }

/** One session of the driver, opened with a lease, and the official adapter on it. */
export class EntraConnection implements PoolConnection {
  readonly lease: Lease
  readonly address: string | undefined
  readonly #driver: DriverConnection
  readonly #state: DriverConnectionState
  readonly #adapter: OfficialAdapter
  readonly #isolationLevel: IsolationLevel
  /** Why this end closed it; undefined if it did not. */
  closedBy: CloseReason | undefined
  /** Whether the session reported that its database is moving, or has become read-only. */
  isMoving = false

  /**
   * @param driver - logged in
   * @param isolationLevel - of statements outside transactions, as the login set it
   * @param address - that the server's name led to; a redirect may have led to another one
   * @throws {@link EntraError} `DRIVER_UNSUPPORTED` if it does not show whether it can be used
   */
  constructor(
    driver: DriverConnection,
    adapter: OfficialAdapter,
    lease: Lease,
    isolationLevel: IsolationLevel,
    address?: string,
  ) {
    this.lease = lease
    this.address = address
    this.#driver = driver
    this.#state = driver as unknown as DriverConnectionState
    requireMembers(driver, 'boolean', ['closed', 'inTransaction'])
    requireMembers(driver, 'object', ['state', 'STATE', 'socket'])
    this.#adapter = adapter
    this.#isolationLevel = isolationLevel
    driver.on('errorMessage', ({ number }) => {
      if (isOfMoving(number)) this.isMoving = true
    })
  }

  get isUsable(): boolean {
    const { closed, state, STATE, inTransaction, socket } = this.#state
    const isOpen = !closed && state === STATE.LOGGED_IN && socket.writable && !socket.destroyed
    return isOpen && !inTransaction && !this.isMoving
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#adapter.queryRaw(query)
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#adapter.executeRaw(query)
  }

  /** The official adapter has no `executeScript`: the script is sent as one SQLBatch message (MS-TDS 2.2.6.7). */
  async executeScript(script: string): Promise<void> {
    try {
      await this.#adapter.underlyingDriver().request().batch(script)
    } catch (error) {
      throw scriptError(error)
    }
  }

  startTransaction(isolationLevel: IsolationLevel = this.#isolationLevel): Promise<Transaction> {
    return this.#adapter.startTransaction(isolationLevel)
  }

  /** Sets the session back to the level that it was opened with. If that fails, closes the connection. */
  async restoreIsolationLevel(used: IsolationLevel | undefined): Promise<void> {
    if (used === undefined || used === this.#isolationLevel || !this.isUsable) return
    try {
      await this.executeScript(`SET TRANSACTION ISOLATION LEVEL ${this.#isolationLevel}`)
    } catch {
      this.close('unusable')
    }
  }

  async validate(): Promise<boolean> {
    try {
      await this.#adapter.queryRaw(SIGN_OF_LIFE)
      await socketsPolled()
      return this.isUsable
    } catch {
      return false
    }
  }

  close(reason: CloseReason): void {
    this.closedBy ??= reason
    this.#driver.close()
  }

  onEnd(listener: () => void): void {
    // tedious emits it at once where the connection is closed already, and not from within `close`.
    if (this.#state.closed) process.nextTick(listener)
    else this.#driver.once('end', listener)
  }
}

/** Prisma's form of an error that the server raised in a script, as the official adapter has it for a query. */
function scriptError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { number } = error as { number?: unknown }
  if (typeof number !== 'number') return error
  const { message } = error
  return new DriverAdapterError({
    kind: 'mssql',
    code: number,
    message,
    originalCode: String(number),
    originalMessage: message,
  })
}
