import { EntraError } from '../../src/errors.ts'
import { type SimClock, second } from './clock.ts'
import type { Interval, SimCredential } from './credential.ts'
import type { Dice } from './random.ts'
import type { ServerFault, Setting } from './story.ts'
import type { Troubles } from './troubles.ts'
import { Rate, type Verdict } from './verdict.ts'

/** The connect timeout of the driver, in ms. */
const CONNECT_TIMEOUT = 15 * second

/** What a session is opened with. */
export interface SessionToken {
  token: string
  freshUntil: number
}

/** One connection, from before its login until it has ended. */
export class Session {
  readonly id: number
  readonly client: number
  readonly token: string
  /** Until when new work may begin with it, by the local clock. */
  readonly freshUntil: number
  state: 'logging in' | 'open' | 'closed' = 'logging in'
  /** The server takes no further statement: 37396. */
  poisoned = false
  /** The network lost it, and nobody knows yet. */
  dead = false
  /** Fails what is under way on it. */
  interrupt: ((why: string) => void) | undefined
  /** Tells its pool that it has ended. */
  onEnd: (() => void) | undefined
  /** Why it has ended. */
  endedBy: string | undefined

  constructor(id: number, client: number, { token, freshUntil }: SessionToken) {
    this.id = id
    this.client = client
    this.token = token
    this.freshUntil = freshUntil
  }
}

/** What is sent on a session: one statement, by a name that is used once. */
export interface Statement {
  id: string
  /** In ms. */
  duration: number
  /** The transaction that it belongs to. */
  transaction?: string
}

/** The server and the network before it. */
export class SimServer {
  readonly sessions = new Set<Session>()
  logins = 0
  statements = 0
  readonly #clock: SimClock
  readonly #dice: Dice
  readonly #setting: Setting
  readonly #faults: Interval<ServerFault>[]
  readonly #credential: SimCredential
  readonly #troubles: Troubles
  readonly #verdict: Verdict
  readonly #rates = new Map<number, Rate>()
  readonly #ran = new Set<string>()
  readonly #tried = new Set<string>()
  readonly #sessionOf = new Map<string, Session>()
  /** How many logins a client may make in a minute, for what is going on. */
  mostLogins: (client: number) => number = () => Number.POSITIVE_INFINITY

  constructor(parts: {
    clock: SimClock
    dice: Dice
    setting: Setting
    faults: Interval<ServerFault>[]
    credential: SimCredential
    troubles: Troubles
    verdict: Verdict
  }) {
    this.#clock = parts.clock
    this.#dice = parts.dice
    this.#setting = parts.setting
    this.#faults = parts.faults
    this.#credential = parts.credential
    this.#troubles = parts.troubles
    this.#verdict = parts.verdict
  }

  /** Begins a login; `ready` tells how it ends. */
  connect(client: number, token: SessionToken): { session: Session; ready: Promise<void> } {
    const session = new Session(++this.logins, client, token)
    this.sessions.add(session)
    this.#countLogin(client)
    return { session, ready: this.#login(session) }
  }

  async #login(session: Session): Promise<void> {
    const startedAt = this.#clock.now
    const unreachable = this.#faultAt() === 'unreachable'
    const slow = this.#faultAt() === 'slow'
    try {
      await this.#hold(session, unreachable ? CONNECT_TIMEOUT : this.#roundTrip(3) + (slow ? 4 * second : 0))
    } catch (why) {
      throw connectFailed(String(why))
    }
    const refusal = unreachable ? connectFailed('timed out') : this.#refusal(session)
    if (refusal === undefined) {
      session.state = 'open'
      return
    }
    if (!this.#isTrulyExpired(session)) this.#troubles.add('server', startedAt, this.#clock.now)
    this.close(session, 'refused')
    throw refusal
  }

  /** Sends a statement and waits for its end. */
  async execute(session: Session, statement: Statement): Promise<void> {
    this.#check(session, statement)
    if (session.state !== 'open') throw new EntraError('NOT_SENT', 'The connection was closed before.')
    if (session.dead) {
      this.#ranOnce(statement)
      await this.#hold(session, this.#dice.scaled(second, 10 * second)).catch(() => {})
      this.close(session, 'the network lost it')
      throw lost('the network lost it')
    }
    if (session.poisoned || (this.#setting.endsExpiredSessions && this.#isTrulyExpired(session))) {
      await this.#hold(session, this.#roundTrip(1)).catch(() => {})
      this.close(session, '37396')
      throw new EntraError('SESSION_TOKEN_EXPIRED', 'The server ended the session: token is expired (37396).')
    }
    this.#ranOnce(statement)
    this.statements++
    try {
      await this.#hold(session, this.#roundTrip(1) + statement.duration)
    } catch (why) {
      throw lost(String(why))
    }
  }

  close(session: Session, why: string): void {
    if (session.state === 'closed') return
    session.state = 'closed'
    session.endedBy = why
    this.sessions.delete(session)
    session.interrupt?.(why)
    session.onEnd?.()
  }

  /** The network or the server cuts every connection; nobody may notice at first. */
  cut(silent: boolean): void {
    for (const session of [...this.sessions]) {
      if (silent && session.state === 'open' && session.interrupt === undefined) session.dead = true
      else this.close(session, 'the server cut it')
    }
  }

  /** The server takes no further statement on any session. */
  kick(): void {
    for (const session of this.sessions) session.poisoned = true
  }

  #check(session: Session, { id, transaction }: Statement): void {
    const late = -this.#credential.timeLeft(session.token).most
    if (late >= 0) {
      this.#verdict.blame('expired token used', `${id} began ${late} ms after the expiry of its connection's token`)
    }
    if (transaction === undefined) {
      this.#sessionOf.set(id, session)
      return
    }
    const bound = this.#sessionOf.get(transaction)
    // A transaction that could not be begun may be begun again, elsewhere.
    if (!this.#ran.has(`${transaction}.begin`)) this.#sessionOf.set(transaction, session)
    else if (bound !== session) this.#verdict.blame('transaction on two connections', id)
    else if (this.#tried.has(id)) this.#verdict.blame('retried in a transaction', id)
    else this.#tried.add(id)
  }

  /** The session that a statement or a transaction was sent on last. */
  sessionOf(id: string): Session | undefined {
    return this.#sessionOf.get(id)
  }

  #ranOnce({ id }: Statement): void {
    if (this.#ran.has(id)) this.#verdict.blame('statement run twice', id)
    this.#ran.add(id)
  }

  #refusal(session: Session): EntraError | undefined {
    switch (this.#faultAt()) {
      case 'down':
        return connectFailed('connection refused')
      case 'refuses':
        return loginFailed(18456)
      case 'paused':
        return loginFailed(40613)
      case 'busy':
        return loginFailed(10928)
      default:
        return this.#isTrulyExpired(session) ? loginFailed(18456) : undefined
    }
  }

  #isTrulyExpired({ token }: Session): boolean {
    return this.#clock.now >= (this.#credential.tokens.get(token)?.expiresAt ?? 0)
  }

  /** Waits, unless the session is closed meanwhile. */
  #hold(session: Session, duration: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(duration, () => {
        session.interrupt = undefined
        resolve()
      })
      session.interrupt = (why) => {
        timer.cancel()
        session.interrupt = undefined
        reject(why)
      }
    })
  }

  #countLogin(client: number): void {
    const rate = this.#rates.get(client) ?? new Rate()
    this.#rates.set(client, rate)
    rate.add(this.#clock.awake)
    const recent = rate.count(this.#clock.awake)
    if (recent > this.mostLogins(client)) this.#verdict.blame('storm of logins', `${recent} logins in a minute`)
  }

  #roundTrip(count: number): number {
    return Math.ceil(count * this.#dice.scaled(1, 30) * this.#setting.latency)
  }

  #faultAt(time = this.#clock.now): ServerFault | undefined {
    return this.#faults.find(({ from, until }) => from <= time && time < until)?.fault
  }
}

function connectFailed(why: string): EntraError {
  return new EntraError('CONNECT_FAILED', `No connection to the server could be opened: ${why}`)
}

function loginFailed(number: number): EntraError {
  return new EntraError('LOGIN_FAILED', `The server refused the login: ${number}`, { number, state: 1 })
}

function lost(why: string): EntraError {
  return new EntraError('CONNECTION_LOST', `The connection was lost: ${why}`)
}
