import type { AccessToken, TokenCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { PrismaMssqlEntraOptions } from '../../../src/index.ts'
import { type Authority, type Gateway, startAuthority, startGateway } from '../../../src/testing/index.ts'
import { type Client, type Database, useDatabase } from '../database.ts'
import { Events } from './events.ts'
import { hour, second, until } from './time.ts'

/** A Prisma Client, its adapter, and what the adapter told. */
export interface WatchedClient extends Client {
  events: Events
}

/** The example database behind an authority and a gateway that are made to fail. Everything is on the machine's clock. */
export interface FaultyAzure extends Pick<Database, 'sql'> {
  readonly db: Database
  readonly authority: Authority
  readonly gateway: Gateway
  /** A client of its own with a token of an hour; it is disconnected after the test. */
  connect(options?: PrismaMssqlEntraOptions, config?: Partial<MssqlConfig>): WatchedClient
}

/** Starts it for a test file. After each test faults are taken away, tokens live for an hour, and statistics begin anew. */
export function useFaultyAzure(): FaultyAzure {
  const db = useDatabase()
  let authority: Authority
  let gateway: Gateway

  beforeAll(async () => {
    authority = await startAuthority()
    gateway = await startGateway({
      upstream: db.azure.upstream,
      verification: authority.verification,
      // A login that hangs is the client's to give up.
      loginTimeout: 24 * hour,
    })
  })
  afterEach(() => {
    authority.clearFaults()
    authority.resetStats()
    authority.tokenLifetime = 1 * hour
    gateway.clearFaults()
    gateway.resetStats()
  })
  afterAll(async () => {
    await gateway?.close()
    await authority?.close()
  })

  return {
    db,
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
          ...(options.tokenSource === undefined && { credential: { getToken: () => authority.issueToken() } }),
          ...options,
          // The next token is asked for when it is due, and a rotation begins at once.
          rotation: { refreshSpread: 0, spread: 0, ...options.rotation },
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

/** The life of a first token from {@link rotatesOnce}, in ms. */
const SHORT = 10 * second

/**
 * Gives a first token of 10 s, whose refresh is due as early as may be (1.5 s), and then tokens of an hour: a client
 * rotates once, soon.
 *
 * @param ready - the second token is given no sooner
 */
export function rotatesOnce(
  { authority }: Pick<FaultyAzure, 'authority'>,
  ready?: Promise<unknown>,
): TokenCredential & { requests: number; getToken(): Promise<AccessToken> } {
  return {
    requests: 0,
    async getToken() {
      if (++this.requests > 1) return ready?.then(() => authority.issueToken()) ?? authority.issueToken()
      return { ...(await authority.issueToken({ lifetime: SHORT })), refreshAfterTimestamp: Date.now() }
    },
  }
}

/** Holds so many connections at work, all at once. @returns lets them go, and resolves when they are idle */
export async function hold({ prisma, adapter }: Client, connections: number): Promise<() => Promise<unknown>> {
  let letGo = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const work = Array.from({ length: connections }, () =>
    prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 AS one`
      await held
    }),
  )
  await until(() => expect(adapter.stats().inFlight).toBe(connections))
  return () => {
    letGo()
    return Promise.all(work)
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
