import { DriverAdapterError, type SqlDriverAdapter, type SqlQuery } from '@prisma/driver-adapter-utils'
import { ClientAdapter } from '../../src/client/client-adapter.ts'
import type { ClientConnection } from '../../src/client/client-connection.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { PrismaCodeError } from '../../src/errors/prisma-error.ts'
import type { CloseReason, PoolEvent } from '../../src/events.ts'
import type { PoolContext } from '../../src/pool/connection.ts'
import { Pool } from '../../src/pool/pool.ts'
import type { PoolSettings } from '../../src/pool/settings.ts'
import type { Lease } from '../../src/token/lease.ts'
import type { TokenSource } from '../../src/token/token-source.ts'
import type { SimClock } from './clock.ts'
import { levelFor, Session, SimConnection, writeOf } from './connection.ts'
import type { SeededRandom } from './random.ts'
import type { Level } from './scenario.ts'
import type { SimServer } from './server.ts'

/** A piece of work in progress, or a connect. */
export interface Work {
  id: string
  kind: 'query' | 'transaction' | 'connect'
  client: SimClient
  /** True time, in ms. */
  startedAt: number
  startedAwake: number
  /** Its own duration, in ms. */
  duration: number
  statements: number
  /** The token source's lease when it began, if new work could begin with it. */
  lease: Lease | undefined
  /** Whether the client had to connect first. */
  connects: boolean
  /** When it asked for a connection: counts up for each client; 0 before that. */
  arrived: number
  /** Whether its COMMIT was reported as successful. */
  committed: boolean
  /** The connection it was lent last. */
  session: Session | undefined
}

/** What a client reports. */
export interface ClientWatch {
  onStarted(work: Work): void
  onEnded(work: Work, code: string | undefined): void
  onEvent(client: SimClient, event: PoolEvent): void
  onLoginFailed(client: SimClient): void
  onClose(client: SimClient, session: Session, reason: CloseReason): void
}

/** A Prisma Client with its adapter: it connects on first use, runs work, and disconnects. */
export class SimClient {
  readonly number: number
  readonly database: number
  readonly settings: PoolSettings
  readonly sessions = new Set<Session>()
  readonly running = new Map<string, Work>()
  pool: Pool<ClientConnection> | undefined
  /** When the last disconnect ended, true time; Infinity during a disconnect. */
  disconnectedAt = Number.NEGATIVE_INFINITY
  /** When a disconnecting pool began to close, in ms of process time; undefined if none is. */
  closingSince: number | undefined
  /** When the last connect began, for which later work also waits. True time, in ms. */
  connectStartedAt = Number.POSITIVE_INFINITY
  readonly #clock: SimClock
  readonly #random: SeededRandom
  readonly #server: SimServer
  readonly #source: TokenSource
  readonly #watch: ClientWatch
  #context: PoolContext | undefined
  #connected: Promise<SqlDriverAdapter> | undefined
  #isConnected = false
  #disconnecting = 0
  #disconnection = Promise.resolve()
  #works = 0
  #arrivals = 0

  constructor(
    number: number,
    database: number,
    settings: PoolSettings,
    clock: SimClock,
    random: SeededRandom,
    server: SimServer,
    source: TokenSource,
    watch: ClientWatch,
  ) {
    this.number = number
    this.database = database
    this.settings = settings
    this.#clock = clock
    this.#random = random
    this.#server = server
    this.#source = source
    this.#watch = watch
  }

  /** The settings of its pool. */
  get poolSettings(): PoolSettings {
    return this.settings
  }

  /** Whether nothing is connected, connecting or disconnecting. */
  get atRest(): boolean {
    return this.#connected === undefined && this.#disconnecting === 0
  }

  get disconnecting(): boolean {
    return this.#disconnecting > 0
  }

  async connect(): Promise<void> {
    await this.#track('connect', 0, 0, () => this.#connect())
  }

  async warmUp(): Promise<void> {
    const { pool } = this
    // One that is joined by another ends for both.
    const isConnecting = [...this.running.values()].some(({ kind }) => kind === 'connect')
    if (!this.#isConnected || pool === undefined || isConnecting) return
    await this.#track('connect', 0, 0, () => {
      pool.suspect()
      return pool.connect()
    })
  }

  async disconnect(): Promise<void> {
    const connected = this.#connected
    if (connected === undefined) return
    this.#connected = undefined
    this.#disconnecting++
    this.disconnectedAt = Number.POSITIVE_INFINITY
    // One that could not be connected has nothing to dispose of.
    this.#disconnection = connected.then((adapter) => this.#dispose(adapter)).catch(() => {})
    await this.#disconnection
    this.#disconnecting--
    if (this.#disconnecting === 0) this.disconnectedAt = this.#clock.now
  }

  async query(duration: number): Promise<void> {
    await this.#track('query', duration, 1, async (work) => {
      const adapter = await this.#connect()
      this.#arrive(work)
      await adapter.queryRaw(queryOf(work.id, duration))
    })
  }

  async transaction(statements: number, duration: number, pause: number, level: Level): Promise<void> {
    const total = statements * (duration + pause)
    await this.#track('transaction', total, statements + 2, async (work) => {
      const adapter = await this.#connect()
      this.#arrive(work)
      const transaction = await adapter.startTransaction(levelFor(work.id, level))
      // As Prisma does: whatever fails, the transaction is rolled back; and where its time is up, whatever runs.
      const abandoned = this.#random.chance(0.05)
      try {
        for (let i = 1; i <= statements; i++) {
          await this.#clock.sleep(pause)
          const running = transaction.executeRaw(queryOf(writeOf(work.id, i), duration))
          if (abandoned) running.catch(() => {})
          else await running
        }
        if (abandoned) throw new Abandoned()
      } catch (error) {
        await transaction.rollback().catch(() => {})
        if (error instanceof Abandoned) return
        throw error
      }
      await transaction.commit()
      work.committed = true
    })
  }

  #arrive(work: Work): void {
    work.arrived = ++this.#arrivals
  }

  async #track(
    kind: Work['kind'],
    duration: number,
    statements: number,
    run: (work: Work) => Promise<unknown>,
  ): Promise<void> {
    const { current } = this.#source
    const work: Work = {
      id: `${kind}-${this.number}-${++this.#works}`,
      kind,
      client: this,
      startedAt: this.#clock.now,
      startedAwake: this.#clock.awake,
      duration,
      statements,
      lease: current?.isFresh ? current : undefined,
      connects: !this.#isConnected,
      arrived: 0,
      committed: false,
      session: undefined,
    }
    this.running.set(work.id, work)
    this.#watch.onStarted(work)
    const code = await run(work).then(() => undefined, codeOf)
    this.running.delete(work.id)
    this.#watch.onEnded(work, code)
  }

  #connect(): Promise<SqlDriverAdapter> {
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

  /** As `PrismaMssqlEntra.connect` does. */
  async #open(): Promise<SqlDriverAdapter> {
    this.#context ??= {
      source: this.#source,
      settings: this.poolSettings,
      clock: this.#clock.local,
      random: this.#random.next,
      emit: (event) => this.#watch.onEvent(this, event),
      onWait: () => {},
      hasConnected: false,
    }
    const pool = new Pool<ClientConnection>((lease, signal) => this.#logIn(lease, signal), this.#context)
    this.pool = pool
    try {
      await pool.connect()
    } catch (error) {
      await pool.close()
      this.pool = undefined
      throw error
    }
    this.#isConnected = true
    return new ClientAdapter(pool, { supportsRelationJoins: false }, () => {})
  }

  async #dispose(adapter: SqlDriverAdapter): Promise<void> {
    this.#isConnected = false
    this.closingSince = this.#clock.awake
    await adapter.dispose()
    this.closingSince = undefined
    this.pool = undefined
  }

  async #logIn(lease: Lease, signal: AbortSignal): Promise<SimConnection> {
    const id = this.#server.logins + 1
    const session = new Session(id, this.number, this.database, lease, this.#clock)
    const onAbort = () => session.end('not wanted')
    signal.throwIfAborted()
    signal.addEventListener('abort', onAbort, { once: true })
    this.sessions.add(session)
    session.onEnd(() => {
      this.sessions.delete(session)
      this.#server.sessions.delete(session)
    })
    try {
      await this.#server.logIn(session)
      return new SimConnection(lease, session, this.#server, (it, reason) => this.#watch.onClose(this, it, reason))
    } catch (error) {
      signal.throwIfAborted()
      this.#watch.onLoginFailed(this)
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

class Abandoned extends Error {}

function queryOf(id: string, duration: number): SqlQuery {
  return { sql: id, args: [duration], argTypes: [] }
}

function codeOf(raw: unknown): string {
  const error = raw instanceof PrismaCodeError ? raw.cause : raw
  if (error instanceof EntraError) return error.number === undefined ? error.code : `${error.code} ${error.number}`
  if (error instanceof DriverAdapterError) return error.cause.kind
  const { number, name } = error as { number?: unknown; name?: unknown }
  return String(number ?? name ?? error)
}
