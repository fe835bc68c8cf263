import type { IsolationLevel, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import type { ClientConnection } from '../../src/client/client-connection.ts'
import type { CloseReason } from '../../src/events.ts'
import type { Lease } from '../../src/token/lease.ts'
import type { SimClock } from './clock.ts'
import type { SimServer, Statement } from './server.ts'

/** The isolation level that every session is opened with. */
export const sessionLevel: IsolationLevel = 'READ COMMITTED'

/** One connection, from before its login until it has ended: both ends of it. */
export class Session {
  readonly id: number
  readonly client: number
  readonly database: number
  readonly token: string
  /** What it logs in with. */
  readonly lease: Lease
  readonly #begun: { localNow: number; monotonic: number }
  #opened: { localNow: number; monotonic: number }
  state: 'logging in' | 'open' | 'ended' = 'logging in'
  /** Whether the network has silently lost it. */
  isDead = false
  /** The error that the server answers all statements with. */
  answers: number | undefined
  /** Whether it said that it is moving. */
  isMoving = false
  /** Whether its replacement is open, so that it is closed when nothing runs on it. */
  isRetired = false
  /** The work whose transaction is open in it. */
  transaction: string | undefined
  level = sessionLevel
  /** Whether a validation is in progress. */
  isValidating = false
  /** The work that it was lent to last. */
  work: string | undefined
  /** When an answer came last: by the monotonic clock and the local one, in ms; in which step; and to work or not. */
  heardAt = 0
  heardLocal = 0
  heardInStep = 0
  heardWork = false
  /** Why it has ended. */
  endedBy: string | undefined
  /** Fails what is under way on it. */
  interrupt: (() => void) | undefined
  readonly #listeners: (() => void)[] = []

  constructor(id: number, client: number, database: number, lease: Lease, { localNow, monotonic }: SimClock) {
    this.id = id
    this.client = client
    this.database = database
    this.token = lease.token
    this.lease = lease
    this.#begun = { localNow, monotonic }
    this.#opened = this.#begun
  }

  /** Its login is over. */
  opened({ localNow, monotonic }: SimClock): void {
    this.state = 'open'
    this.#opened = { localNow, monotonic }
  }

  /** Since its login began or ended, by the clock that saw more time pass, in ms: a clock may be set during a login. */
  age({ localNow, monotonic }: SimClock): number {
    const ages = [this.#begun, this.#opened].map((it) => Math.max(localNow - it.localNow, monotonic - it.monotonic))
    return Math.max(...ages)
  }

  heard({ monotonic, localNow, steps }: SimClock, byWork: boolean): void {
    this.heardAt = monotonic
    this.heardLocal = localNow
    this.heardInStep = steps
    this.heardWork = byWork
  }

  onEnd(listener: () => void): void {
    this.#listeners.push(listener)
    if (this.state === 'ended') this.#tell()
  }

  end(why: string): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.endedBy = why
    this.interrupt?.()
    this.#tell()
  }

  /** As tedious does: never from within `close`. */
  #tell(): void {
    process.nextTick(() => {
      for (const listener of this.#listeners.splice(0)) listener()
    })
  }
}

const NO_ROWS: SqlResultSet = { columnNames: [], columnTypes: [], rows: [] }

/** A connection as the driver gives it, in memory. A query's text is its name, its first argument how long it takes. */
export class SimConnection implements ClientConnection {
  readonly lease: Lease
  readonly session: Session
  readonly #server: SimServer
  readonly #onClose: (session: Session, reason: CloseReason) => void
  #closedBy: CloseReason | undefined

  /** @param onClose - called when this end closes it while it is open */
  constructor(
    lease: Lease,
    session: Session,
    server: SimServer,
    onClose: (session: Session, reason: CloseReason) => void,
  ) {
    this.lease = lease
    this.session = session
    this.#server = server
    this.#onClose = onClose
  }

  get isUsable(): boolean {
    const { state, transaction, isMoving } = this.session
    return state === 'open' && transaction === undefined && !isMoving
  }

  get isMoving(): boolean {
    return this.session.isMoving
  }

  get closedBy(): CloseReason | undefined {
    return this.#closedBy
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    await this.#execute(statementOf(query, query.sql))
    return NO_ROWS
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    await this.#execute(statementOf(query, query.sql))
    return 1
  }

  executeScript(id: string): Promise<void> {
    return this.#execute({ id, duration: 0, work: id })
  }

  /** The level is followed by the name of the work: see {@link levelFor}. */
  async startTransaction(named?: IsolationLevel): Promise<Transaction> {
    const [level, work = ''] = parse(named)
    const end = async (does: 'commit' | 'rollback') => {
      if (this.session.state === 'open' && this.session.transaction === undefined) {
        throw Object.assign(new Error('Transaction has been aborted.'), { code: 'EABORT' })
      }
      await this.#execute({ id: `${work}.${does}`, duration: 0, work, does })
    }
    const run = async (query: SqlQuery) => {
      if (this.session.state === 'open' && this.session.transaction === undefined) {
        throw Object.assign(new Error('Transaction has not begun.'), { code: 'ENOTBEGUN' })
      }
      await this.#execute(statementOf(query, work))
    }
    await this.#execute({ id: `${work}.begin`, duration: 0, work, does: 'begin', level })
    return {
      provider: 'sqlserver',
      adapterName: 'simulated',
      options: { usePhantomQuery: true },
      queryRaw: async (query) => {
        await run(query)
        return NO_ROWS
      },
      executeRaw: async (query) => {
        await run(query)
        return 1
      },
      commit: () => end('commit'),
      rollback: () => end('rollback'),
    }
  }

  async restoreIsolationLevel(used: IsolationLevel | undefined): Promise<void> {
    if (parse(used)[0] === sessionLevel || !this.isUsable) return
    try {
      await this.#execute({ id: '', duration: 0, does: 'set level', level: sessionLevel })
    } catch {
      this.close('unusable')
    }
  }

  async validate(): Promise<boolean> {
    this.session.isValidating = true
    try {
      await this.#execute({ id: '', duration: 0 })
      return true
    } catch {
      return false
    } finally {
      this.session.isValidating = false
    }
  }

  close(reason: CloseReason): void {
    if (this.session.state !== 'open') return
    this.#closedBy ??= reason
    this.#onClose(this.session, reason)
    this.session.end(reason)
  }

  onEnd(listener: () => void): void {
    this.session.onEnd(listener)
  }

  #execute(statement: Statement): Promise<void> {
    return this.#server.execute(this.session, statement)
  }
}

/** The level that a transaction is begun with, and whose it is: there is no other way to tell. */
export function levelFor(work: string, level: IsolationLevel | ''): IsolationLevel {
  return `${level}#${work}` as IsolationLevel
}

function parse(named = ''): [level: IsolationLevel, work: string | undefined] {
  const [level, work] = named.split('#')
  return [(level || sessionLevel) as IsolationLevel, work]
}

/** The name of a statement in a transaction, which a client takes for one that writes. */
export function writeOf(work: string, number: number): string {
  return `update ${work}.${number}`
}

function statementOf({ sql: id, args }: SqlQuery, work: string): Statement {
  return { id, duration: Number(args[0]), work }
}
