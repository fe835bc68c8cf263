import type { AccessToken, TokenCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { PrismaMssqlEntraOptions } from '../../../src/index.ts'
import { type Authority, type Gateway, startAuthority, startGateway } from '../../../src/testing/index.ts'
import { type Client, type Database, useDatabase } from '../database.ts'
import { Events } from './events.ts'
import { hour, second, until } from './time.ts'

/** A Prisma Client, its adapter, and the adapter's events. */
export interface WatchedClient extends Client {
  events: Events
}

/** The example database behind an authority and a gateway with faults. Everything runs on the system clock. */
export interface FaultyAzure extends Pick<Database, 'sql'> {
  readonly db: Database
  readonly authority: Authority
  readonly gateway: Gateway
  /** A new client with a one-hour token; it is disconnected after the test. */
  connect(options?: PrismaMssqlEntraOptions, config?: Partial<MssqlConfig>): WatchedClient
}

/** Starts it for a test file. After each test it clears faults, resets tokens to one hour and resets statistics. */
export function useFaultyAzure(): FaultyAzure {
  const db = useDatabase()
  let authority: Authority
  let gateway: Gateway

  beforeAll(async () => {
    authority = await startAuthority()
    gateway = await startGateway({
      upstream: db.azure.upstream,
      verification: authority.verification,
      // The client has to time out a login that hangs.
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
          // The next token is requested when it is due, and a rotation begins at once.
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
 * Gives a first token of 10 s, whose refresh is due as early as possible (1.5 s), then one-hour tokens. So a client
 * rotates once, soon.
 *
 * @param ready - the second token waits for this
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

/** Keeps this many connections busy at once. @returns a function that releases them and resolves when they are idle */
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

/** Starts a query: Prisma Client starts one only when it is awaited. */
export const start = <T>(query: PromiseLike<T>): Promise<T> => Promise.resolve(query.then((result) => result))

/** The error of failed work. */
export async function failureOf(work: PromiseLike<unknown>): Promise<Error> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome, 'It was meant to fail.').toBeInstanceOf(Error)
  return outcome as Error
}
