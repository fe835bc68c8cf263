import { setTimeout as sleep } from 'node:timers/promises'
import { ManagedIdentityCredential } from '@azure/identity'
import { PrismaClient } from '../generated/prisma/client.ts'
import { type AdapterEvent, PrismaMssqlEntra, TokenSource } from '../src/index.ts'
import { countingClock } from '../test/support/counting-clock.ts'
import { ConnectionCount } from './connection-count.ts'
import type { Ready } from './orders.ts'
import { leftOver } from './resources.ts'
import { CONNECT_RETRY_INTERVAL, CONNECT_TIMEOUT, TOKEN_REQUEST_TIMEOUT, WAIT_TIMEOUT } from './timing.ts'

const SCOPE = 'https://database.windows.net/.default'

/** How long requests that the credential goes on with may take to end after `$disconnect`, in ms. */
const REST = 20_000

/** Prisma Client on the adapter, with what counts their connections and timers. */
export interface Client {
  prisma: PrismaClient
  adapter: PrismaMssqlEntra
  connections: ConnectionCount
  /** Disconnects, and gives what is left of what was not there before the client was; empty if nothing is. */
  close(): Promise<string[]>
}

/**
 * @param max - connections of one pool at most
 * @param onEvent - told each event of the adapter
 * @param onMost - told when there are more connections at a time than there ever were
 */
export function createClient(
  { config, environment }: Ready,
  max: number,
  onEvent: (event: AdapterEvent) => void,
  onMost: (most: number) => void,
): Client {
  const before = process.getActiveResourcesInfo()
  Object.assign(process.env, environment)
  const connections = new ConnectionCount(onMost)
  const clock = countingClock()
  const credential = new ManagedIdentityCredential()
  const adapter = new PrismaMssqlEntra(
    { ...config, connectionTimeout: CONNECT_TIMEOUT, pool: { max }, beforeConnect: connections.add },
    {
      tokenSource: new TokenSource(credential, { scope: SCOPE, requestTimeout: TOKEN_REQUEST_TIMEOUT, clock }),
      rotation: { waitTimeout: WAIT_TIMEOUT, connectRetryInterval: CONNECT_RETRY_INTERVAL },
      onEvent,
      clock,
    },
  )
  const prisma = new PrismaClient({ adapter })
  return {
    prisma,
    adapter,
    connections,
    async close() {
      await prisma.$disconnect()
      // Read at once: a timer that is left may still end by itself.
      const timers = Array.from({ length: clock.timers }, () => 'a timer of the adapter')
      const until = performance.now() + REST
      while (leftOver(before).length > 0 && performance.now() < until) await sleep(100)
      return [...timers, ...leftOver(before)]
    },
  }
}
