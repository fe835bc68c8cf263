import type { IsolationLevel, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import type { ClientConnection } from '../../src/client/client-connection.ts'
import type { CloseReason } from '../../src/events.ts'
import type { Lease } from '../../src/token/lease.ts'
import type { SimServer, Statement } from './server.ts'
import { type Session, sessionLevel } from './session.ts'

const NO_ROWS: SqlResultSet = { columnNames: [], columnTypes: [], rows: [] }

/** A connection as the driver gives it, in memory. A query's text is its name, its first argument how long it takes. */
export class SimConnection implements ClientConnection {
  readonly lease: Lease
  readonly session: Session
  readonly #server: SimServer
  readonly #onClose: (session: Session, reason: CloseReason) => void
  #closedBy: CloseReason | undefined

  /** @param onClose - called where it is closed from here while it is open */
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

function statementOf({ sql: id, args }: SqlQuery, work: string): Statement {
  return { id, duration: Number(args[0]), work }
}
