import type { CloseReason, PoolEvent, TokenEvent } from '../../src/events.ts'
import { NEVER } from '../../src/pool/settings.ts'
import { SEND_MARGIN } from '../../src/token/refresh-policy.ts'
import type { TokenSource } from '../../src/token/token-source.ts'
import type { ClientWatch, SimClient, Work } from './client.ts'
import { minute, type SimClock, second } from './clock.ts'
import { type Session, writeOf } from './connection.ts'
import type { SimCredential } from './credential.ts'
import { isExpected } from './expected-failures.ts'
import type { FaultLog, Side } from './fault-log.ts'
import { Loans, waitingForConnection } from './loans.ts'
import type { Setting } from './scenario.ts'
import type { ServerWatch, SimServer, Statement } from './server.ts'
import { Rate, type Violations } from './violations.ts'

/** Work takes at most this long in addition to its own duration, in ms of process time. */
const LONGEST_WAIT = 4 * minute
/** The same if the client disconnects meanwhile: Prisma Client finishes each connect before it disconnects. */
const LONGEST_WAIT_DISCONNECTED = 30 * minute
/** After a jump of the clock a timer is at most this late, in ms. */
const LONGEST_TIMER = 245 * second
/** How long everything needs to recover after a fault, in ms. */
const RECOVERY = 5 * minute
/** With tokens shorter than this, delays are not checked, in ms. */
const LONG_LIFE = 5 * minute
/** How long the replacement of a refused token may take, in ms. */
const REPLACING = 16 * second
/** After these failures the statement may have run; after all others it has not. */
const MAY_HAVE_RUN = ['CONNECTION_LOST', 'STATEMENT_TIMEOUT', 'STATEMENT_TOKEN_EXPIRED', 'CLOSED']

/** A rotation that runs, or the last one. */
interface Run {
  at: number
  state: 'running' | 'failed' | 'finished'
  /** Connections to open, those opened, and those closed for them. */
  wanted: number
  opened: number
  replaced: number
  /** Connections that work ran on when it began. */
  lent: number
  /** Those that were open when it began: it replaces no others. */
  open: ReadonlySet<Session>
}

/** Watches clients, connections and tokens, and reports violations. */
export class Invariants implements ClientWatch, ServerWatch {
  log: (line: () => string) => void = () => {}
  readonly counts = { works: 0, failures: new Map<string, number>(), rotations: 0 }
  readonly #clock: SimClock
  readonly #setting: Setting
  readonly #source: TokenSource
  readonly #credential: SimCredential
  readonly #server: SimServer
  readonly #faultLog: FaultLog
  readonly #violations: Violations
  readonly #clients: readonly SimClient[]
  readonly #loans: Loans
  readonly #started = new Map<SimClient, Rate>()
  readonly #failedLogins = new Map<SimClient, Rate>()
  readonly #activeAt = new Map<SimClient, number>()
  readonly #lastToken = new Map<SimClient, string>()
  readonly #runs = new Map<SimClient, Run>()
  /** Work that began while there was more than there are connections. */
  readonly #queued = new WeakSet<Work>()
  readonly #overdueSince = new WeakMap<Session, number>()
  #nextPatrol = 0
  #misjudgedSince: number | undefined
  /** Clients that have had a connection. */
  readonly #connected = new Set<SimClient>()

  constructor(
    clock: SimClock,
    setting: Setting,
    source: TokenSource,
    credential: SimCredential,
    server: SimServer,
    faults: FaultLog,
    violations: Violations,
    clients: readonly SimClient[],
  ) {
    this.#clock = clock
    this.#setting = setting
    this.#source = source
    this.#credential = credential
    this.#server = server
    this.#faultLog = faults
    this.#violations = violations
    this.#clients = clients
    this.#loans = new Loans(clock, setting, server, violations, clients)
    server.watch = this
    credential.onRequest = () => this.#onRequest()
  }

  onStarted(work: Work): void {
    this.counts.works++
    const rate = this.#started.get(work.client) ?? new Rate(RECOVERY)
    this.#started.set(work.client, rate)
    rate.add(this.#clock.awake)
    if (this.#busyness(work.client) > work.client.settings.max) this.#queued.add(work)
    this.log(() => `${work.id} begins`)
  }

  onEnded(work: Work, code: string | undefined): void {
    this.log(() => (code === undefined ? `${work.id} is done` : `${work.id} fails: ${code}`))
    if (code !== undefined) this.#onFailed(work, code)
    else this.#checkDelay(work)
  }

  #checkDelay(work: Work): void {
    const { client, kind, startedAt, duration, statements } = work
    const claims = kind === 'query' ? work.id : work.committed ? `${work.id}.commit` : ''
    if (claims !== '' && !this.#server.ran.has(claims)) this.#violations.report('wrong error', `${claims} did not run`)
    const delay = this.#clock.now - startedAt - duration
    const usual = 3 * second + statements * 400 * this.#setting.latency
    if (delay <= usual || work.connects || kind === 'connect' || this.#setting.lifetime < LONG_LIFE) return
    if (this.#queued.has(work) || this.#wasDisconnected(work)) return
    if (!this.#isCalm(client, startedAt - RECOVERY)) return
    this.#violations.report('delayed without cause', `${work.id} took ${delay} ms longer than ${duration} ms`)
  }

  #onFailed(work: Work, code: string): void {
    this.counts.failures.set(code, (this.counts.failures.get(code) ?? 0) + 1)
    const { client, session, kind, id } = work
    const { current } = this.#source
    const { now } = this.#clock
    const failedByItself = [id, `${id}.commit`].some((it) => this.#server.failed.has(it)) || this.#failedWithin(work)
    const [name = ''] = code.split(' ')
    const saysItRan = MAY_HAVE_RUN.includes(name) || failedByItself
    const ran = kind === 'query' ? this.#server.ran.has(id) : this.#server.ran.has(`${id}.commit`)
    if (ran && !saysItRan) this.#violations.report('wrong error', `${id} ran, and failed with ${code}`)
    const failure = {
      code,
      from: Math.min(work.startedAt, work.connects ? client.connectStartedAt : work.startedAt),
      until: now,
      database: client.database,
      disconnected: this.#wasDisconnected(work),
      failedByItself,
      session,
      expired: session !== undefined && this.#credential.timeLeft(session.token).least <= SEND_MARGIN,
      hadToken: current !== undefined && current === work.lease && current.isFresh,
      unvalidated: client.settings.validateAfter === NEVER,
      neverConnected: !this.#connected.has(client),
      exhausted: this.#inUse(client) >= client.settings.max,
      misjudged: current !== undefined && this.#credential.isExpired(current.token),
    }
    if (isExpected(failure, this.#faultLog)) return
    this.#violations.report(
      'failed without cause',
      `${id} failed with ${code} after ${now - work.startedAt} ms (${session?.id} ${session?.endedBy})`,
    )
  }

  #failedWithin({ id, statements }: Work): boolean {
    for (let i = 1; i <= statements; i++) if (this.#server.failed.has(writeOf(id, i))) return true
    return false
  }

  onEvent(client: SimClient, event: PoolEvent): void {
    this.log(() => `client ${client.number}: ${describe(event)}`)
    if (event.type === 'connection.opened') this.#connected.add(client)
    // It was open until now, also if nothing has happened for long.
    if (event.type === 'connection.closed') this.#activeAt.set(client, this.#clock.awake)
    const run = this.#runs.get(client)
    if (event.type === 'rotation.started') {
      const lent = this.#lentForLong(client)
      this.#runs.set(client, {
        at: this.#clock.now,
        state: 'running',
        wanted: event.connections,
        opened: 0,
        replaced: 0,
        lent,
        open: new Set([...client.sessions].filter(({ state }) => state === 'open')),
      })
      // What failed is tried again, however long ago the refused session ended.
      if (event.reason === 'refused' && run?.state !== 'failed' && !this.#wasRefused(client)) {
        this.#violations.report('rotated for another client', `client ${client.number}`)
      }
    } else if (event.type === 'connection.opened' && run !== undefined) run.opened++
    else if (event.type === 'rotation.failed' && run !== undefined) run.state = 'failed'
    else if (event.type === 'rotation.finished') {
      this.counts.rotations++
      if (run === undefined) return
      run.state = 'finished'
      if (event.reason !== 'refused') this.#checkWarmth(client, run)
      for (const session of run.open) if (this.#isOutdated(session)) session.isRetired = true
    }
  }

  onToken(event: TokenEvent): void {
    this.log(() => describe(event))
  }

  /** Whether the server has refused one of the client's tokens: one that is open, or of the last login. */
  #wasRefused(client: SimClient): boolean {
    const tokens = [...client.sessions].map(({ token }) => token).concat(this.#lastToken.get(client) ?? [])
    return tokens.some((token) => this.#credential.tokens.get(token)?.refused === true)
  }

  #checkWarmth(client: SimClient, run: Run): void {
    if (!this.#isCalm(client, run.at - RECOVERY) || this.#setting.lifetime < LONG_LIFE) return
    const token = this.#source.current?.token
    // Another token may have come while a replacement logged in.
    const isUpToDate = (it: Session) => it.token === token || !run.open.has(it)
    const upToDate = [...client.sessions].filter((it) => it.state === 'open' && isUpToDate(it)).length
    const wanted = Math.min(run.lent, this.#lentForLong(client), client.settings.max)
    if (upToDate >= wanted) return
    this.#violations.report('closed before its replacement', `${upToDate} connections are open in place of ${wanted}`)
  }

  onLogin(session: Session): void {
    this.log(() => `client ${session.client}: login ${session.id} with ${session.token}`)
    const client = this.#clients[session.client]
    if (client === undefined) return
    this.#lastToken.set(client, session.token)
    const { settings, running } = client
    const sessions = [...client.sessions].filter(({ state }) => state !== 'ended')
    if (running.size === 0 && sessions.length === 1 && this.#wasIdle(client, second)) {
      this.#violations.report('idle costs', `client ${client.number} logs in`)
    }
    if (sessions.length > settings.max + this.#loginsAtOnce) {
      this.#violations.report('too many connections', `${sessions.length} with a pool of ${settings.max}`)
    }
    const loggingIn = sessions.filter(({ state }) => state === 'logging in').length
    if (waitingForConnection(client) === 0 && loggingIn > this.#loginsAtOnce && !this.#loans.hasWaited(client)) {
      this.#violations.report('logins at once', `${loggingIn} in a rotation`)
    }
    if (this.#credential.timeLeft(session.token).most <= 0) {
      this.#violations.report('expired token used', `a login of client ${client.number}`)
    }
  }

  onLoginFailed(client: SimClient): void {
    const rate = this.#failedLogins.get(client) ?? new Rate()
    this.#failedLogins.set(client, rate)
    rate.add(this.#clock.awake)
    const recent = rate.count(this.#clock.awake)
    // For a database that moves, 40 in the first half minute, and then one every 4 s.
    const most = (this.#credential.misjudged ? 3 : 1) * (80 + 2 * client.settings.max)
    if (recent > most) this.#violations.report('storm of logins', `${recent} failed in a minute`)
  }

  onStatement(session: Session, statement: Statement): void {
    const isNew = this.#loans.onStatement(session, statement)
    const late = -this.#credential.timeLeft(session.token).most
    if (late < 0 || (this.#setting.sessionsOutliveTokens && !isNew)) return
    this.#violations.report('expired token used', `${statement.id} began ${late} ms after the expiry`)
  }

  onDoubt(session: Session): void {
    this.#loans.onDoubt(session)
  }

  onClose(client: SimClient, session: Session, reason: CloseReason): void {
    this.log(() => `client ${client.number}: closes ${session.id} (${reason})`)
    const isInTransaction = client.running.has(session.transaction ?? '')
    const isRunning = session.interrupt !== undefined && !session.isValidating
    const isAtWork = isInTransaction || isRunning
    const { least } = this.#credential.timeLeft(session.token)
    // A ROLLBACK that would arrive after the token's end is not sent.
    if (
      isAtWork &&
      least > (isRunning ? 0 : SEND_MARGIN) &&
      reason !== 'unusable' &&
      !(reason === 'disconnected' && client.disconnecting)
    ) {
      this.#violations.report('cut too early', `${session.work} on ${session.id}, ${reason}`)
    }
    if (reason === 'replaced') this.#checkReplaced(client, session)
    if (reason === 'idle') this.#checkMinimum(client, session)
    if (reason === 'expired' && !isAtWork) this.#checkPunctuality(client, session)
  }

  /** One is closed for each one opened; at the end of a rotation, all that are left. */
  #checkReplaced(client: SimClient, session: Session): void {
    const run = this.#runs.get(client)
    if (session.isRetired || (run?.state === 'running' && (run.opened >= run.wanted || ++run.replaced <= run.opened)))
      return
    this.#violations.report('closed before its replacement', `connection ${session.id} of client ${client.number}`)
  }

  #isOutdated(session: Session): boolean {
    return session.state === 'open' && (session.token !== this.#source.current?.token || this.#isOld(session))
  }

  /** Whether it may have reached its maximum age. */
  #isOld(session: Session): boolean {
    return session.age(this.#clock) >= 0.9 * (this.#setting.maxAge ?? Number.POSITIVE_INFINITY)
  }

  /** `min` idle connections stay open, not counting retired ones. */
  #checkMinimum(client: SimClient, closed: Session): void {
    const open = [...client.sessions].filter((it) => it !== closed && it.state === 'open')
    const left = open.filter(({ isRetired }) => !isRetired).length
    if (left >= client.settings.min || closed.isRetired || open.some((it) => this.#isOld(it))) return
    this.#violations.report('fewer than the minimum', `${left} of client ${client.number}`)
  }

  /** Idle connections are replaced before their token's deadline, which would close them. */
  #checkPunctuality(client: SimClient, session: Session): void {
    const { now } = this.#clock
    if (this.#setting.lifetime < LONG_LIFE || session.age(this.#clock) < RECOVERY || session.isRetired) return
    if (!this.#isCalm(client, now - this.#setting.lifetime)) return
    this.#violations.report('late rotation', `connection ${session.id} of client ${client.number} is at its end`)
  }

  /** Whether nothing was open and no work in progress for this long, in ms of process time. */
  #wasIdle(client: SimClient, duration: number): boolean {
    if (isActive(client)) return false
    return this.#clock.awake - (this.#activeAt.get(client) ?? Number.NEGATIVE_INFINITY) > duration
  }

  /** To be called after each step. */
  check(): void {
    this.#noteMisjudgement()
    for (const client of this.#clients) {
      if (isActive(client)) this.#activeAt.set(client, this.#clock.awake)
      for (const session of client.sessions) this.#checkExpiry(client, session)
    }
    this.#loans.check()
    if (this.#clock.awake < this.#nextPatrol) return
    this.#nextPatrol = this.#clock.awake + 10 * second
    for (const client of this.#clients) for (const work of client.running.values()) this.#checkWait(work)
    this.checkRest()
  }

  #checkExpiry(client: SimClient, session: Session): void {
    if (session.state !== 'open') return
    const { awake } = this.#clock
    const mayStay = this.#setting.sessionsOutliveTokens && this.#lentTo(client).has(session)
    if (mayStay || this.#credential.timeLeft(session.token).most > 0) {
      this.#overdueSince.delete(session)
      return
    }
    const since = this.#overdueSince.get(session) ?? awake
    this.#overdueSince.set(session, since)
    const limit = this.#processWasDisturbed() ? LONGEST_TIMER : second
    if (awake - since > limit) this.#violations.report('open after expiry', `connection ${session.id}`)
  }

  /** Without a connection nothing is left over, and a disconnect ends. */
  checkRest(): void {
    const { awake } = this.#clock
    for (const { closingSince, settings, number } of this.#clients) {
      if (closingSince !== undefined && awake - closingSince > settings.disconnectTimeout + second) {
        this.#violations.report('left after disconnect', `client ${number} does not get away`)
      }
    }
    if (!this.#clients.every((client) => client.atRest && client.running.size === 0)) return
    const timers = this.#clock.productTimers
    const sessions = this.#server.sessions.size
    if (timers === 0 && sessions === 0) return
    this.#violations.report('left after disconnect', `${timers} timers, ${sessions} connections`)
  }

  #checkWait(work: Work): void {
    const waited = this.#clock.awake - work.startedAwake - work.duration
    const limit = this.#wasDisconnected(work) ? LONGEST_WAIT_DISCONNECTED : LONGEST_WAIT
    if (waited > limit) this.#violations.report('endless wait', `${work.id} has waited for ${waited} ms`)
  }

  /** A token is requested only if work or a connection needs one and the current one is due or refused. */
  #onRequest(): void {
    if (this.#clients.every((client) => this.#wasIdle(client, REPLACING))) {
      this.#violations.report('idle costs', 'a token request for nobody')
    }
    const { current } = this.#source
    if (!current?.isFresh) return
    const isDue = current.now() >= current.refreshAfter
    if (isDue || this.#credential.tokens.get(current.token)?.refused) return
    this.#violations.report('unneeded token request', `${current.refreshAfter - current.now()} ms before its time`)
  }

  /** Nothing can be checked while the local clock hides a token's expiry. */
  #noteMisjudgement(): void {
    const { now } = this.#clock
    if (this.#credential.misjudged) this.#misjudgedSince ??= now
    else if (this.#misjudgedSince !== undefined) {
      this.#faultLog.add('process', this.#misjudgedSince, now + minute)
      this.#misjudgedSince = undefined
    }
    if (this.#misjudgedSince !== undefined) this.#faultLog.add('process', this.#misjudgedSince, now)
  }

  #processWasDisturbed(): boolean {
    return this.#faultLog.any(['process'], this.#clock.now - LONGEST_TIMER - second, this.#clock.now)
  }

  /** Whether a client has had no fault since then. */
  #isCalm(client: SimClient, since: number): boolean {
    const sides: Side[] = ['credential', 'process', client.database]
    return !this.#faultLog.any(sides, since, this.#clock.now)
  }

  #wasDisconnected({ client, startedAt }: Work): boolean {
    return client.disconnectedAt >= startedAt
  }

  get #loginsAtOnce(): number {
    return 3
  }

  #lentTo(client: SimClient): Set<Session> {
    const lent = new Set<Session>()
    for (const { session } of client.running.values()) if (session?.state === 'open') lent.add(session)
    return lent
  }

  /** How many are lent, being validated, or set back to their isolation level. */
  #inUse(client: SimClient): number {
    const lent = this.#lentTo(client)
    return [...client.sessions].filter((session) => lent.has(session) || session.interrupt !== undefined).length
  }

  /** Those that are lent and not retired. */
  #lentForLong(client: SimClient): number {
    return [...this.#lentTo(client)].filter(({ isRetired }) => !isRetired).length
  }

  /** How much work there was recently. */
  #busyness(client: SimClient): number {
    return Math.max(this.#started.get(client)?.count(this.#clock.awake) ?? 0, client.running.size)
  }
}

function isActive({ running, sessions }: SimClient): boolean {
  if (running.size > 0) return true
  for (const { state } of sessions) if (state === 'open') return true
  return false
}

function describe(event: PoolEvent | TokenEvent): string {
  const { type, at: _at, ...details } = event
  const parts = Object.entries(details).map(([name, value]) =>
    value instanceof Error ? `${name}: ${value.message.split('\n')[0]}` : `${name}: ${value}`,
  )
  return `${type} (${parts.join(', ')})`
}
