import { DriverAdapterError, type IsolationLevel } from '@prisma/driver-adapter-utils'
import { connectFailed } from '../../src/login/connect-failures.ts'
import { loginRefused } from '../../src/login/refusals.ts'
import { minute, type SimClock, second } from './clock.ts'
import { type Session, sessionLevel } from './connection.ts'
import type { SimCredential } from './credential.ts'
import type { FaultLog } from './fault-log.ts'
import type { SeededRandom } from './random.ts'
import type { DatabaseFault, Setting } from './scenario.ts'

/** The connect timeout of the driver, in ms. */
const CONNECT_TIMEOUT = 15 * second

/** A statement, with a name that is used once. */
export interface Statement {
  id: string
  /** In ms. */
  duration: number
  /** The work that it belongs to; undefined for the connection's own statements. */
  work?: string
  /** What it does beside running: to a transaction, or to the session's isolation level. */
  does?: 'begin' | 'commit' | 'rollback' | 'set level'
  level?: IsolationLevel
}

/** What the server reports. */
export interface ServerWatch {
  onLogin(session: Session): void
  onStatement(session: Session, statement: Statement): void
  /** Work has learned that a connection was lost, or that its session moves. */
  onDoubt(session: Session): void
}

/** The server with its databases, and the network before it. */
export class SimServer {
  readonly sessions = new Set<Session>()
  /** Statements that have run. */
  readonly ran = new Set<string>()
  /** Statements that the server answered with a SQL error. */
  readonly failed = new Set<string>()
  logins = 0
  watch: ServerWatch | undefined
  readonly #clock: SimClock
  readonly #random: SeededRandom
  readonly #setting: Setting
  readonly #credential: SimCredential
  readonly #faultLog: FaultLog
  readonly #faults = new Map<number, { name: DatabaseFault; until: number }>()

  constructor(clock: SimClock, random: SeededRandom, setting: Setting, credential: SimCredential, faults: FaultLog) {
    this.#clock = clock
    this.#random = random
    this.#setting = setting
    this.#credential = credential
    this.#faultLog = faults
  }

  /** Begins a fault of a database. */
  begin(database: number, name: DatabaseFault, duration: number): void {
    const { now } = this.#clock
    this.#faults.set(database, { name, until: now + duration })
    this.#faultLog.add(database, now, now + duration)
    if (name !== 'moving') return
    for (const session of this.#sessionsOf(database)) session.answers = this.#random.chance(0.5) ? 3906 : 40613
  }

  /** Cuts every connection, openly or silently. */
  cut(database: number, silent: boolean): void {
    const { now } = this.#clock
    this.#faultLog.add(database, now, now + (silent ? minute : second))
    for (const session of this.#sessionsOf(database)) {
      if (silent && session.state === 'open') session.isDead = true
      else session.end('the network')
    }
  }

  /** Ends every session as if its token had expired. */
  kick(database: number): void {
    this.#faultLog.add(database, this.#clock.now, this.#clock.now + second)
    for (const session of this.#sessionsOf(database)) session.answers = 37396
  }

  /** @throws what the driver's error means, as the adapter's own driver explains it */
  async logIn(session: Session): Promise<void> {
    const startedAt = this.#clock.now
    this.logins++
    this.sessions.add(session)
    this.watch?.onLogin(session)
    const fault = this.#faultOf(session.database)
    const silent = fault === 'unreachable' || fault === 'silent'
    const delay = silent ? CONNECT_TIMEOUT : this.#roundTrip(3) + (fault === 'slow' ? 4 * second : 0)
    if (!(await this.#pass(session, delay))) throw connectFailed(coded('ECONNRESET'), true)
    const refusal = silent ? connectFailed(coded('ETIMEOUT'), fault === 'silent') : this.#refusal(session)
    if (refusal === undefined) {
      session.opened(this.#clock)
      session.heard(this.#clock, false)
      return
    }
    if (!this.#credential.isExpired(session.token)) {
      this.#faultLog.add(session.database, startedAt, this.#clock.now)
    }
    session.end('refused')
    throw refusal
  }

  /** Sends a statement and waits for its answer. @throws as the driver does */
  async execute(session: Session, statement: Statement): Promise<void> {
    if (statement.work !== undefined) this.watch?.onStatement(session, statement)
    if (session.state !== 'open') throw coded('EINVALIDSTATE')
    if (session.isDead) return this.#sendIntoVoid(session, statement)
    const refusal = this.#answerInstead(session, statement)
    if (refusal === undefined) this.#run(session, statement)
    const delay = this.#roundTrip(1) + (refusal === undefined ? statement.duration : 0)
    if (!(await this.#pass(session, delay))) throw this.#lost(session, statement)
    // What was sent after the network lost the connection did not arrive.
    if (session.isDead) return this.#sendIntoVoid(session, undefined)
    session.heard(this.#clock, statement.work !== undefined)
    if (refusal !== undefined) throw this.#refuse(session, statement, refusal)
  }

  #run(session: Session, { id, does, level, work }: Statement): void {
    this.ran.add(id)
    if (does === 'begin') {
      session.transaction = work
      session.level = level ?? sessionLevel
    } else if (does === 'set level') session.level = level ?? sessionLevel
    else if (does !== undefined) session.transaction = undefined
  }

  /** The number of the error with which the server refuses the statement. */
  #answerInstead(session: Session, { id, does, work }: Statement): number | undefined {
    if (session.answers !== undefined) return session.answers
    if (this.#setting.endsExpiredSessions && this.#credential.isExpired(session.token)) return 37396
    if (work === undefined) return undefined
    // A COMMIT that is answered with an error leaves the transaction open; a deadlock rolls it back.
    if (does === 'commit') return this.#own(id, 0.02, 8645)
    return does === undefined ? this.#own(id, 0.01, 1205) : undefined
  }

  /** A SQL error of the statement. */
  #own(id: string, probability: number, number: number): number | undefined {
    if (!this.#random.chance(probability)) return undefined
    this.failed.add(id)
    return number
  }

  #refuse(session: Session, { does, work }: Statement, number: number): Error {
    if (number === 1205) session.transaction = undefined
    if (number === 37396) this.#token(session).refused = true
    if (number === 37396 && this.#random.chance(0.5)) session.end('37396')
    if (number === 3906 || number === 40613) {
      session.isMoving = true
      if (work !== undefined) this.watch?.onDoubt(session)
    }
    const message = `Error ${number} of the server.`
    if (does !== undefined) return Object.assign(new Error(message), { number, code: 'EREQUEST' })
    return new DriverAdapterError({ kind: 'mssql', code: number, message })
  }

  /** Without an answer: after a while the driver times out, or the system reports it. */
  async #sendIntoVoid(session: Session, statement: Statement | undefined): Promise<void> {
    if (statement !== undefined && this.#random.chance(0.3)) this.#run(session, statement)
    this.#faultLog.add(session.database, this.#clock.now, this.#clock.now + 20 * second)
    const timesOut = this.#random.chance(0.5)
    const delay = timesOut ? 20 * second : this.#random.scaled(second, 20 * second)
    if (await this.#pass(session, delay)) session.end('the network')
    if (statement?.work !== undefined) this.watch?.onDoubt(session)
    throw coded(timesOut && session.endedBy === 'the network' ? 'ETIMEOUT' : 'ECLOSE')
  }

  #lost(session: Session, { work }: Statement): Error {
    const { endedBy } = session
    if (work !== undefined && endedBy === 'the network') this.watch?.onDoubt(session)
    return coded(endedBy === 'the network' ? 'ESOCKET' : 'ECLOSE')
  }

  #refusal(session: Session): Error | undefined {
    const fault = this.#faultOf(session.database)
    if (fault === 'down') return connectFailed(coded('ECONNREFUSED'), false)
    if (fault === 'unknown') return this.#refused(session, 18456, `Login failed for user '${BY_TOKEN}'.`)
    if (fault === 'paused') return this.#refused(session, 40613, 'The database is not currently available.')
    if (fault === 'full') return this.#refused(session, 10928, 'The limit for the database has been reached.')
    if (fault === 'moving')
      return this.#refused(session, this.#random.chance(0.5) ? 4060 : 40613, 'Cannot open database.')
    if (fault !== 'refuses' && !this.#credential.isExpired(session.token)) return undefined
    this.#token(session).refused = true
    return this.#refused(session, 18456, `Login failed for user '${BY_TOKEN}'. Token is expired.`)
  }

  #refused({ database }: Session, number: number, message: string): Error {
    const context = { server: 'server', database: `db${database}`, audience: 'a', claims: undefined, now: 0 }
    return loginRefused({ number, state: 1, message }, context)
  }

  #token({ token }: Session): { refused: boolean } {
    return this.#credential.tokens.get(token) ?? { refused: false }
  }

  /** Waits. @returns whether the connection is still there */
  #pass(session: Session, delay: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(delay, () => {
        session.interrupt = undefined
        resolve(true)
      })
      session.interrupt = () => {
        timer.cancel()
        session.interrupt = undefined
        resolve(false)
      }
    })
  }

  #roundTrip(count: number): number {
    return Math.ceil(count * this.#random.scaled(1, 30) * this.#setting.latency)
  }

  #faultOf(database: number): DatabaseFault | undefined {
    const fault = this.#faults.get(database)
    return fault !== undefined && this.#clock.now < fault.until ? fault.name : undefined
  }

  #sessionsOf(database: number): Session[] {
    return [...this.sessions].filter((session) => session.database === database)
  }
}

const BY_TOKEN = '<token-identified principal>'

/** An error as the driver or the system has it. */
function coded(code: string): Error {
  return Object.assign(new Error(`${code} on the way to the server`), { code })
}
