import type { config as MssqlConfig } from 'mssql'
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import type { AdapterEvent, PrismaMssqlEntraOptions } from '../../../src/index.ts'
import { type Authority, type Gateway, startAuthority, startGateway } from '../../../src/testing/index.ts'
import { type Client, type Database, useDatabase } from '../database.ts'
import { MovableClock } from './movable-clock.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute

/** How long a test waits for what must happen, in ms; only a failing one waits as long. */
const PATIENCE = { timeout: 60 * second, interval: 10 }

/** Waits until `check` throws no more. */
export const until = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, PATIENCE)

/** The events of an adapter, as they come. */
export class Events {
  readonly all: AdapterEvent[] = []
  readonly listen: (event: AdapterEvent) => void

  /** @param onEvent - told of each too */
  constructor(onEvent?: (event: AdapterEvent) => void) {
    this.listen = (event) => {
      this.all.push(event)
      onEvent?.(event)
    }
  }

  of<T extends AdapterEvent['type']>(type: T): Extract<AdapterEvent, { type: T }>[] {
    return this.all.filter((event): event is Extract<AdapterEvent, { type: T }> => event.type === type)
  }

  /** The last event of a type, once there are `count` of them. */
  async nth<T extends AdapterEvent['type']>(count: number, type: T): Promise<Extract<AdapterEvent, { type: T }>> {
    return until(() => {
      const event = this.of(type)[count - 1]
      if (event === undefined) throw new Error(`${type} has come ${this.of(type).length} times, not ${count}.`)
      return event
    })
  }
}

/** A Prisma Client, its adapter, and what the adapter told. */
export interface WatchedClient extends Client {
  events: Events
}

/** The example database behind an authority and a gateway whose time, like the adapters', is the test's to move. */
export interface FaultyAzure extends Pick<Database, 'sql'> {
  readonly db: Database
  readonly clock: MovableClock
  readonly authority: Authority
  readonly gateway: Gateway
  /** A client of its own, on the movable clock and a token of an hour; it is disconnected after the test. */
  connect(options?: PrismaMssqlEntraOptions, config?: Partial<MssqlConfig>): WatchedClient
}

/** Starts it for a test file. Faults are taken away and statistics begin anew after each test. */
export function useFaultyAzure(): FaultyAzure {
  const db = useDatabase()
  const clock = new MovableClock()
  let authority: Authority
  let gateway: Gateway

  beforeAll(async () => {
    authority = await startAuthority({ clock })
    gateway = await startGateway({
      upstream: db.azure.upstream,
      verification: authority.verification,
      clock,
      // A login that hangs is the client's to give up.
      loginTimeout: 24 * hour,
    })
  })
  afterEach(() => {
    authority.clearFaults()
    authority.resetStats()
    gateway.clearFaults()
    gateway.resetStats()
  })
  afterAll(async () => {
    await gateway?.close()
    await authority?.close()
  })

  return {
    db,
    clock,
    get authority() {
      return authority
    },
    get gateway() {
      return gateway
    },
    connect(options = {}, config = {}) {
      const events = new Events(options.onEvent)
      const client = db.connect(
        {
          clock,
          ...(options.tokenSource === undefined && { credential: { getToken: () => authority.issueToken() } }),
          ...options,
          onEvent: events.listen,
        },
        {
          port: gateway.port,
          ...config,
          options: { cryptoCredentialsDetails: { ca: gateway.ca }, ...config.options },
        },
      )
      return { ...client, events }
    },
    sql: db.sql,
  }
}

/** Begins a query: Prisma Client does so only when somebody waits for it. */
export const start = <T>(query: PromiseLike<T>): Promise<T> => Promise.resolve(query.then((result) => result))

/** What the work failed with. */
export async function failureOf(work: PromiseLike<unknown>): Promise<Error> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome, 'It was meant to fail.').toBeInstanceOf(Error)
  return outcome as Error
}
