import type { RotationEvent } from '../../src/events.ts'
import type { GenerationPool } from '../../src/rotation/pool.ts'
import { hardDeadline, isFresh } from '../../src/token/refresh-policy.ts'
import type { TokenSource } from '../../src/token/token-source.ts'
import type { ClientWatch, SimClient, Work } from './client.ts'
import { minute, type SimClock, second } from './clock.ts'
import type { SimCredential } from './credential.ts'
import { isExcused } from './excuses.ts'
import type { SimPool } from './pool.ts'
import type { SimServer } from './server.ts'
import type { Setting } from './story.ts'
import type { Troubles } from './troubles.ts'
import { Rate, type Verdict } from './verdict.ts'

/** No work takes longer than this beside what it takes by itself, in ms the process was running. */
const LONGEST_WAIT = 5 * minute
/** The same where the client was disconnected meanwhile: Prisma Client ends each connect before it disconnects. */
const LONGEST_WAIT_DISCONNECTED = 30 * minute
/** After a jump of the clock a timer is at most this late, in ms. */
const LONGEST_TIMER = 245 * second
/** An unused pool that is not current is closed after this long, in ms the process was running. */
const LONGEST_CLOSING = 3 * minute
/** How long things need to be as always again after a trouble, in ms. */
const RECOVERY = 5 * minute
/** Nothing is said of delays with tokens shorter than this, in ms. */
const LONG_LIFE = 5 * minute
const ALL = ['credential', 'server', 'process'] as const

/** Watches clients, pools and tokens, and blames what breaks a promise. */
export class Promises implements ClientWatch {
  log: (line: () => string) => void = () => {}
  readonly counts = { works: 0, failures: new Map<string, number>(), rotations: 0 }
  readonly #clock: SimClock
  readonly #setting: Setting
  readonly #source: TokenSource
  readonly #credential: SimCredential
  readonly #server: SimServer
  readonly #troubles: Troubles
  readonly #verdict: Verdict
  readonly #clients: SimClient[]
  readonly #started = new Map<SimClient, Rate>()
  /** Pools that took over at some time. */
  readonly #tookOver = new WeakSet<GenerationPool>()
  /** Work that began while there was more than there are connections. */
  readonly #queued = new WeakSet<Work>()
  /** When connections of earlier generations last left no room for another, true time. */
  readonly #crowdedAt = new WeakMap<SimClient, number>()
  readonly #overdueSince = new WeakMap<SimPool, number>()
  readonly #unusedSince = new WeakMap<SimPool, number>()
  /** Logins of a pool that has connections, after one had failed. */
  readonly #vainLogins = new WeakMap<SimPool, Rate>()
  readonly #busyAtStart = new WeakMap<SimClient, { at: number; inFlight: number }>()
  #nextPatrol = 0
  #misjudgedSince: number | undefined

  constructor(parts: {
    clock: SimClock
    setting: Setting
    source: TokenSource
    credential: SimCredential
    server: SimServer
    troubles: Troubles
    verdict: Verdict
    clients: SimClient[]
  }) {
    this.#clock = parts.clock
    this.#setting = parts.setting
    this.#source = parts.source
    this.#credential = parts.credential
    this.#server = parts.server
    this.#troubles = parts.troubles
    this.#verdict = parts.verdict
    this.#clients = parts.clients
    this.#server.mostLogins = (number) => this.#mostLogins(this.#clients[number])
  }

  onStarted(work: Work): void {
    this.counts.works++
    const rate = this.#started.get(work.client) ?? new Rate(RECOVERY)
    this.#started.set(work.client, rate)
    rate.add(this.#clock.awake)
    if (this.#busyness(work.client) > work.client.max) this.#queued.add(work)
    this.log(() => `${work.id} begins`)
  }

  onSucceeded(work: Work): void {
    this.log(() => `${work.id} is done`)
    this.#checkFreshness(work)
    const { client, startedAt, duration, statements } = work
    const delay = this.#clock.now - startedAt - duration
    const usual = 3 * second + statements * 400 * this.#setting.latency
    if (delay <= usual || work.connects || work.kind === 'connect' || this.#setting.lifetime < LONG_LIFE) return
    if (client.pools.size > 2 || this.#queued.has(work) || this.#wasDisconnected(work)) return
    if (this.#troubles.any(ALL, startedAt - RECOVERY, this.#clock.now)) return
    this.#verdict.blame('delayed without cause', `${work.id} took ${delay} ms longer than ${duration} ms`)
  }

  onFailed(work: Work, code: string): void {
    this.counts.failures.set(code, (this.counts.failures.get(code) ?? 0) + 1)
    this.log(() => `${work.id} fails: ${code}`)
    this.#checkFreshness(work)
    const { client } = work
    const { current } = this.#source
    const { now } = this.#clock
    const session = this.#server.sessionOf(work.id)
    const failure = {
      code,
      from: Math.min(work.startedAt, work.connects ? client.connectStartedAt : work.startedAt),
      until: now,
      disconnected: this.#wasDisconnected(work),
      session,
      expired: session !== undefined && this.#credential.timeLeft(session.token).least <= 0,
      freshLease:
        current === work.lease && current && isFresh(current, current.now(), this.#source.timing) ? current : undefined,
      exhausted: isExhausted(client),
      crowded: isCrowded(client),
    }
    if (isExcused(failure, this.#troubles)) return
    this.#verdict.blame('failed without cause', `${work.id} failed with ${code} after ${now - work.startedAt} ms`)
  }

  onEvent(client: SimClient, event: RotationEvent): void {
    this.log(() => `client ${client.number}: ${describe(event)}`)
    const current = client.rotation?.current
    if (event.type === 'generation.opened') {
      for (const pool of client.pools) if (!pool.disposed) this.#tookOver.add(pool)
    } else if (event.type === 'rotation.started') {
      const fresh = current !== undefined && isFresh(current.lease, current.lease.now(), this.#source.timing)
      this.#busyAtStart.set(client, { at: this.#clock.now, inFlight: fresh ? current.inFlight : 0 })
    } else if (event.type === 'rotation.finished') {
      this.counts.rotations++
      this.#checkWarmth(client, event)
    }
  }

  onConnecting(client: SimClient, pool: SimPool): void {
    let open = 0
    for (const other of client.pools) open += other.connectionCount()
    if (open > 2 * client.max) this.#verdict.blame('too many connections', `${open} with a pool of ${client.max}`)
    if (this.#timeLeft(pool).most <= 0 && !this.#processWasTroubled()) {
      this.#verdict.blame('expired token used', `a login of client ${client.number}`)
    }
    if (pool.loginsFail && pool.sessions.size > pool.loggingIn + 1) this.#countVainLogin(pool)
    const warming = !this.#tookOver.has(pool)
    if (warming && pool.loggingIn + 1 > 3) this.#verdict.blame('logins at once', `${pool.loggingIn + 1} in warming up`)
  }

  /** Work that a further connection was refused to waits for those that there are. */
  #countVainLogin(pool: SimPool): void {
    const rate = this.#vainLogins.get(pool) ?? new Rate()
    this.#vainLogins.set(pool, rate)
    rate.add(this.#clock.awake)
    const recent = rate.count(this.#clock.awake)
    if (recent > 3 * pool.max + 12) {
      this.#verdict.blame('storm of logins', `${recent} in a minute, of a pool that has connections`)
    }
  }

  onTerminate(client: SimClient, pool: SimPool): void {
    if (pool.busy === 0 || client.disconnecting || this.#timeLeft(pool).least <= 0) return
    if (this.#tookOver.has(pool)) this.#verdict.blame('cut too early', `${pool.busy} connections with work on them`)
  }

  onDisconnected(client: SimClient): void {
    this.log(() => `client ${client.number} is disconnected`)
  }

  /** Looked at after each step. */
  check(): void {
    this.#noteMisjudgement()
    for (const client of this.#clients) {
      if (isCrowded(client)) this.#crowdedAt.set(client, this.#clock.now)
      for (const pool of client.pools) this.#checkPool(client, pool)
      this.#checkPunctuality(client)
    }
    if (this.#clock.awake < this.#nextPatrol) return
    this.#nextPatrol = this.#clock.awake + 10 * second
    for (const client of this.#clients) for (const work of client.running) this.#checkWait(work)
    this.#checkRest()
  }

  #checkPool(client: SimClient, pool: SimPool): void {
    // Else what waits there is not served by the next generation.
    if (pool.load > pool.max) this.#verdict.blame('queued in a pool', `${pool.load} with a pool of ${pool.max}`)
    const { awake } = this.#clock
    const open = pool.sessions.size
    if (open === 0 && pool.disposed) {
      client.pools.delete(pool)
      return
    }
    if (open > 0 && this.#timeLeft(pool).most <= 0) {
      const since = this.#overdueSince.get(pool) ?? awake
      this.#overdueSince.set(pool, since)
      const limit = this.#processWasTroubled() ? LONGEST_TIMER : second
      if (awake - since > limit && this.#tookOver.has(pool)) {
        this.#verdict.blame('open after expiry', `${open} connections, ${awake - since} ms after`)
      }
    } else this.#overdueSince.delete(pool)
    if (pool === client.rotation?.current?.pool || pool.busy > 0 || pool.loggingIn > 0) {
      this.#unusedSince.delete(pool)
      return
    }
    const since = this.#unusedSince.get(pool) ?? awake
    this.#unusedSince.set(pool, since)
    if (awake - since > LONGEST_CLOSING) this.#verdict.blame('generation not closed', `of client ${client.number}`)
  }

  /** The next generation takes over before new work may not begin on the current one any more. */
  #checkPunctuality(client: SimClient): void {
    const current = client.rotation?.current
    if (current === undefined || client.disconnecting || this.#setting.lifetime < LONG_LIFE) return
    const { localNow, now } = this.#clock
    const deadline = hardDeadline(current.lease, this.#source.timing)
    if (localNow < deadline + second) return
    const window = 2 * (current.lease.expiresOn - current.lease.refreshAfter) + RECOVERY
    if (this.#troubles.any(ALL, now - window, now)) return
    if (now - (this.#crowdedAt.get(client) ?? Number.NEGATIVE_INFINITY) < minute) return
    if (current.openedAt > localNow - RECOVERY) return
    this.#verdict.blame('late rotation', `client ${client.number}, generation ${current.id} is at its end`)
  }

  #checkWarmth(client: SimClient, event: RotationEvent & { type: 'rotation.finished' }): void {
    const { reason, durationMs, connections } = event
    const start = this.#busyAtStart.get(client)
    if (start === undefined || (reason !== 'token' && reason !== 'max-age') || durationMs > 20 * second) return
    if (client.pools.size > 2 || this.#troubles.any(ALL, start.at - RECOVERY, this.#clock.now)) return
    if (this.#setting.lifetime < LONG_LIFE) return
    const wanted = Math.min(start.inFlight, client.running.size, client.max)
    if (connections < wanted)
      this.#verdict.blame('cold swap', `${connections} connections open, ${wanted} in use before`)
  }

  #timeLeft(pool: SimPool): { least: number; most: number } {
    return this.#credential.timeLeft(pool.lease.token)
  }

  /** New work does not begin with a token that is at its end. */
  #checkFreshness({ id, startedAt, startedLocal }: Work): void {
    const late = startedLocal - (this.#server.sessionOf(id)?.freshUntil ?? startedLocal + 1)
    if (late < 0 || this.#troubles.any(['process'], startedAt, this.#clock.now)) return
    this.#verdict.blame('expired token used', `${id} came ${late} ms after its token's hard window began`)
  }

  #checkWait(work: Work): void {
    const waited = this.#clock.awake - work.startedAwake - work.duration
    const limit = this.#wasDisconnected(work) ? LONGEST_WAIT_DISCONNECTED : LONGEST_WAIT
    if (waited > limit) this.#verdict.blame('endless wait', `${work.id} has waited for ${waited} ms`)
  }

  #checkRest(): void {
    if (!this.#clients.every((client) => client.atRest && client.running.size === 0)) return
    const timers = this.#clock.productTimers
    const sessions = this.#server.sessions.size
    if (timers > 0 || sessions > 0) {
      this.#verdict.blame('left after disconnect', `${timers} timers, ${sessions} connections`)
    }
  }

  /** While the local clock hides a token's expiry, nothing can be promised. */
  #noteMisjudgement(): void {
    const { now } = this.#clock
    if (this.#credential.misjudged) this.#misjudgedSince ??= now
    else if (this.#misjudgedSince !== undefined) {
      this.#troubles.add('process', this.#misjudgedSince, now + minute)
      this.#misjudgedSince = undefined
    }
    if (this.#misjudgedSince !== undefined) this.#troubles.add('process', this.#misjudgedSince, now)
  }

  #processWasTroubled(): boolean {
    return this.#troubles.any(['process'], this.#clock.now - LONGEST_TIMER - second, this.#clock.now)
  }

  #wasDisconnected({ client, startedAt }: Work): boolean {
    return client.disconnectedAt >= startedAt
  }

  /** Three times as many where the clock leaves a token a few seconds. */
  #mostLogins(client: SimClient | undefined): number {
    const most = 40 + 6 * this.#setting.max + 6 * this.#busyness(client)
    return this.#credential.misjudged ? 3 * most : most
  }

  /** How much work there was of late. */
  #busyness(client: SimClient | undefined): number {
    if (client === undefined) return 0
    return Math.max(this.#started.get(client)?.count(this.#clock.awake) ?? 0, client.running.size)
  }
}

/** Whether all connections of the current generation are at work. */
function isExhausted({ pools, rotation }: SimClient): boolean {
  return [...pools].some((pool) => pool === rotation?.current?.pool && pool.exhausted)
}

/** Whether earlier generations leave no room for another. */
function isCrowded({ pools, max }: SimClient): boolean {
  let connections = 0
  for (const pool of pools) connections += pool.connectionCount()
  return pools.size > 2 || connections >= 2 * max
}

function describe(event: RotationEvent): string {
  const { type, at: _at, ...details } = event
  const parts = Object.entries(details).map(([name, value]) =>
    value instanceof Error ? `${name}: ${value.message}` : `${name}: ${value}`,
  )
  return `${type} (${parts.join(', ')})`
}
