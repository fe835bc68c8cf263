import type { AccessToken } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { Clock } from '../../../src/clock.ts'
import type { PrismaMssqlEntraOptions } from '../../../src/index.ts'
import { type Authority, type Gateway, startAuthority, startGateway } from '../../../src/testing/index.ts'
import { type Client, type Database, useDatabase } from '../database.ts'
import { Events } from './events.ts'
import { MovableClock } from './movable-clock.ts'
import { hour } from './time.ts'

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
          // The next token is asked for when it is due, and not up to two minutes later.
          rotation: { refreshSpread: 0, ...options.rotation },
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

/**
 * Gives tokens whose expiry is reckoned from the local clock, as most credentials do: the authority tells how long a
 * token lives.
 */
export function byLifetime({ authority, clock }: Pick<FaultyAzure, 'authority' | 'clock'>, local: Clock) {
  return async (): Promise<AccessToken> => {
    const token = await authority.issueToken()
    return { ...token, expiresOnTimestamp: local.now() + token.expiresOnTimestamp - clock.now() }
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
