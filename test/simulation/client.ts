import type { IsolationLevel, SqlDriverAdapter, Transaction } from '@prisma/driver-adapter-utils'
import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { EntraError } from '../../src/errors.ts'
import type { RotationEvent } from '../../src/events.ts'
import { RotatingAdapter } from '../../src/rotation/rotating-adapter.ts'
import { Rotation } from '../../src/rotation/rotation.ts'
import type { RotationTiming } from '../../src/rotation/rotation-policy.ts'
import type { Lease } from '../../src/token/lease.ts'
import { isFresh } from '../../src/token/refresh-policy.ts'
import type { TokenSource } from '../../src/token/token-source.ts'
import type { SimClock } from './clock.ts'
import { SimPool } from './pool.ts'
import type { Dice } from './random.ts'
import type { SimServer } from './server.ts'

/** One piece of work under way, or a connect. */
export interface Work {
  id: string
  kind: 'query' | 'transaction' | 'connect'
  client: SimClient
  /** True time, in ms. */
  startedAt: number
  startedAwake: number
  /** By the local clock, in ms. */
  startedLocal: number
  /** What it takes by itself, in ms. */
  duration: number
  statements: number
  /** The token source's lease when it began, if new work could begin with it. */
  lease: Lease | undefined
  /** Whether the client had to connect first. */
  connects: boolean
}

/** What a client tells those who watch it. */
export interface ClientWatch {
  onStarted(work: Work): void
  onSucceeded(work: Work): void
  onFailed(work: Work, code: string): void
  onEvent(client: SimClient, event: RotationEvent): void
  onConnecting(client: SimClient, pool: SimPool): void
  onTerminate(client: SimClient, pool: SimPool): void
  onDisconnected(client: SimClient): void
}

interface Connected {
  rotation: Rotation
  adapter: SqlDriverAdapter
}

/** One Prisma Client with its adapter: connects when it is first used, runs work, and is disconnected. */
export class SimClient {
  readonly number: number
  readonly max: number
  readonly pools = new Set<SimPool>()
  readonly running = new Set<Work>()
  rotation: Rotation | undefined
  /** When the last disconnect ended, true time; Infinity while one is under way. */
  disconnectedAt = Number.NEGATIVE_INFINITY
  /** When the last connect began, which work that came later waited for too. True time, in ms. */
  connectStartedAt = Number.POSITIVE_INFINITY
  readonly #clock: SimClock
  readonly #dice: Dice
  readonly #server: SimServer
  readonly #source: TokenSource
  readonly #timing: RotationTiming
  readonly #watch: ClientWatch
  #connected: Promise<Connected> | undefined
  #count = 0
  #disconnecting = 0
  #disconnection = Promise.resolve()

  constructor(parts: {
    number: number
    max: number
    clock: SimClock
    dice: Dice
    server: SimServer
    source: TokenSource
    timing: RotationTiming
    watch: ClientWatch
  }) {
    this.number = parts.number
    this.max = parts.max
    this.#clock = parts.clock
    this.#dice = parts.dice
    this.#server = parts.server
    this.#source = parts.source
    this.#timing = parts.timing
    this.#watch = parts.watch
  }

  /** Whether nothing is connected, connecting or disconnecting. */
  get atRest(): boolean {
    return this.#connected === undefined && this.#disconnecting === 0
  }

  get disconnecting(): boolean {
    return this.#disconnecting > 0
  }

  async connect(): Promise<void> {
    await this.#track('connect', 0, 0, async () => {
      await this.#connect()
    })
  }

  async disconnect(): Promise<void> {
    const connected = this.#connected
    if (connected === undefined) return
    this.#connected = undefined
    this.#disconnecting++
    this.disconnectedAt = Number.POSITIVE_INFINITY
    // One that could not be connected has nothing to dispose of.
    this.#disconnection = connected.then(({ adapter }) => adapter.dispose()).catch(() => {})
    await this.#disconnection
    this.#disconnecting--
    if (this.#disconnecting === 0) this.disconnectedAt = this.#clock.now
    this.#watch.onDisconnected(this)
  }

  async query(duration: number): Promise<void> {
    await this.#track('query', duration, 1, async (work) => {
      const { adapter } = await this.#connect()
      await adapter.queryRaw({ sql: work.id, args: [duration], argTypes: [] })
    })
  }

  async transaction(statements: number, duration: number, pause: number): Promise<void> {
    const total = statements * (duration + pause)
    await this.#track('transaction', total, statements + 2, async (work) => {
      const { adapter } = await this.#connect()
      const transaction = await adapter.startTransaction(work.id as IsolationLevel)
      await this.#runTransaction(work.id, transaction, statements, duration, pause)
    })
  }

  /** As Prisma does: whatever fails, the transaction is rolled back. */
  async #runTransaction(id: string, transaction: Transaction, statements: number, duration: number, pause: number) {
    try {
      for (let i = 1; i <= statements; i++) {
        await transaction.executeRaw({ sql: `${id}.${i}`, args: [duration], argTypes: [] })
        await this.#clock.sleep(pause)
      }
      if (this.#dice.chance(0.1)) await transaction.rollback()
      else await transaction.commit()
    } catch (error) {
      await transaction.rollback().catch(() => {})
      throw error
    }
  }

  async #track(kind: Work['kind'], duration: number, statements: number, run: (work: Work) => Promise<void>) {
    const { current } = this.#source
    const work: Work = {
      id: `${this.number}.${kind.charAt(0)}${++this.#count}`,
      kind,
      client: this,
      startedAt: this.#clock.now,
      startedAwake: this.#clock.awake,
      startedLocal: this.#clock.localNow,
      duration,
      statements,
      lease: current && isFresh(current, current.now(), this.#source.timing) ? current : undefined,
      connects: this.rotation === undefined,
    }
    this.running.add(work)
    this.#watch.onStarted(work)
    try {
      await run(work)
      this.running.delete(work)
      this.#watch.onSucceeded(work)
    } catch (error) {
      this.running.delete(work)
      this.#watch.onFailed(work, codeOf(error))
    }
  }

  /** Prisma Client connects once for all, and not before a disconnect that is under way has ended. */
  #connect(): Promise<Connected> {
    if (this.#connected === undefined) {
      this.connectStartedAt = this.#clock.now
      const connected = this.#disconnection.then(() => this.#open())
      this.#connected = connected
      connected.catch(() => {
        if (this.#connected === connected) this.#connected = undefined
      })
    }
    return this.#connected
  }

  async #open(): Promise<Connected> {
    const rotation = new Rotation({
      tokenSource: this.#source,
      open: (lease, signal) => this.#openPool(lease, signal),
      timing: this.#timing,
      clock: this.#clock.local,
      random: this.#dice.next,
      emit: (event) => this.#watch.onEvent(this, event),
    })
    await rotation.start()
    this.rotation = rotation
    const adapter = new RotatingAdapter('simulated', rotation, this.#clock.local, () => {
      if (this.rotation === rotation) this.rotation = undefined
    })
    return { rotation, adapter }
  }

  async #openPool(lease: Lease, signal: AbortSignal): Promise<SimPool> {
    const pool = new SimPool(this.number, this.max, lease, this.#clock, this.#server, {
      onConnecting: (pool) => this.#watch.onConnecting(this, pool),
      onTerminate: (pool) => this.#watch.onTerminate(this, pool),
    })
    this.pools.add(pool)
    try {
      await pool.probe(signal)
      return pool
    } catch (error) {
      this.pools.delete(pool)
      signal.throwIfAborted()
      throw error
    }
  }
}

function codeOf(error: unknown): string {
  if (isDriverAdapterError(error)) {
    const { cause } = error
    return cause.originalCode ?? cause.kind
  }
  if (error instanceof EntraError) return error.number === undefined ? error.code : `${error.code} ${error.number}`
  return error instanceof Error ? error.name : String(error)
}
