import type { SimClient } from './client.ts'
import { type SimClock, second } from './clock.ts'
import { type Session, sessionLevel } from './connection.ts'
import type { Setting } from './scenario.ts'
import type { SimServer, Statement } from './server.ts'
import type { Violations } from './violations.ts'

/** A connection that was silent for longer is validated before it is lent, in ms: `validateAfter`, plus one for rounding. */
const ALIVE_FOR = 501

/** Checks what is lent: validated, in no transaction, at the right isolation level, first come, first served. */
export class Loans {
  readonly #clock: SimClock
  readonly #setting: Setting
  readonly #server: SimServer
  readonly #violations: Violations
  readonly #clients: readonly SimClient[]
  readonly #tried = new Set<string>()
  /** The step in which a client learned that there is reason to doubt its connections. */
  readonly #doubts = new Map<number, number>()
  /** The latest request for a connection that has been served. */
  readonly #served = new Map<SimClient, number>()
  readonly #waitedAt = new Map<SimClient, number>()

  constructor(
    clock: SimClock,
    setting: Setting,
    server: SimServer,
    violations: Violations,
    clients: readonly SimClient[],
  ) {
    this.#clock = clock
    this.#setting = setting
    this.#server = server
    this.#violations = violations
    this.#clients = clients
  }

  /** @returns whether the work has just been lent the connection */
  onStatement(session: Session, statement: Statement): boolean {
    const client = this.#clients[session.client]
    const work = client?.running.get(statement.work ?? '')
    if (client === undefined || work === undefined) return false
    const isNew = work.session !== session
    if (work.kind === 'transaction' && statement.does !== 'begin') {
      if (isNew) this.#violations.report('transaction on two connections', statement.id)
      if (this.#tried.has(statement.id)) this.#violations.report('retried in a transaction', statement.id)
      this.#tried.add(statement.id)
    } else if (this.#server.ran.has(statement.id) && statement.does !== 'begin') {
      this.#violations.report('statement run twice', statement.id)
    }
    if (!isNew) return false
    this.#checkLoan(session, statement)
    work.session = session
    session.work = work.id
    this.#served.set(client, Math.max(this.#served.get(client) ?? 0, work.arrived))
    return true
  }

  onDoubt({ client }: Session): void {
    this.#doubts.set(client, this.#clock.steps)
  }

  #checkLoan(session: Session, { id, does }: Statement): void {
    const { localNow, monotonic, steps } = this.#clock
    if (session.transaction !== undefined) this.#violations.report('lent in a transaction', `${id} on ${session.id}`)
    if (localNow >= session.lease.deadline) {
      this.#violations.report(
        'expired token used',
        `${id} came ${localNow - session.lease.deadline} ms after the deadline`,
      )
    }
    if (does === undefined && session.level !== sessionLevel) {
      this.#violations.report('wrong isolation level', `${id} runs at ${session.level}`)
    }
    const { validation } = this.#setting
    if (validation === 'never') return
    const silence = Math.max(monotonic - session.heardAt, localNow - session.heardLocal)
    const doubted = this.#doubts.get(session.client) ?? 0
    if (silence > ALIVE_FOR) this.#violations.report('not validated', `${session.id} was silent for ${silence} ms`)
    else if (doubted > session.heardInStep && doubted < steps) {
      this.#violations.report('not validated', `${session.id}, after another one was lost`)
    } else if (validation === 'always' && session.heardWork) {
      this.#violations.report('not validated', `${session.id} is lent again`)
    }
  }

  /** To be called after each step. */
  check(): void {
    for (const client of this.#clients) {
      if (client.running.size === 0) continue
      // What may write waits, and reads are served meanwhile.
      if (client.pool?.writes.isShut) for (const work of client.running.values()) work.arrived = 0
      const waiting = waitingForConnection(client)
      if (waiting === 0) continue
      this.#waitedAt.set(client, this.#clock.awake)
      this.#checkTurns(client)
      if (client.disconnecting) continue
      const isIdle = (session: Session) => this.#isIdle(client, session)
      const asked = [...client.sessions].filter((session) => session.isValidating).length
      if (waiting > asked && [...client.sessions].some(isIdle)) {
        this.#violations.report('idle while work waits', `client ${client.number}, ${waiting} wait`)
      }
    }
  }

  /** Whether work has waited for a connection recently. */
  hasWaited(client: SimClient): boolean {
    return this.#clock.awake - (this.#waitedAt.get(client) ?? Number.NEGATIVE_INFINITY) < 30 * second
  }

  #checkTurns(client: SimClient): void {
    const served = this.#served.get(client) ?? 0
    for (const { id, arrived, session } of client.running.values()) {
      if (session === undefined && arrived > 0 && arrived < served) this.#violations.report('out of turn', id)
    }
  }

  #isIdle(client: SimClient, session: Session): boolean {
    if (session.state !== 'open' || session.isValidating || session.interrupt !== undefined) return false
    if (session.transaction !== undefined || session.isMoving) return false
    // A clock that was set back does not make its token younger.
    if (session.lease.deadlineIn <= second) return false
    return client.running.get(session.work ?? '')?.session !== session
  }
}

/** Work that waits for a connection. What waits for a new primary leaves idle connections to reads. */
export function waitingForConnection({ pool }: SimClient): number {
  return pool === undefined ? 0 : pool.stats().waiting - pool.writes.waiting
}
