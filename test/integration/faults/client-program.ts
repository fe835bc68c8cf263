/** The program of a `ClientProcess`, which tells it what to do. */
import { ManagedIdentityCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../../../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../../../src/index.ts'

/** What the parent says. */
export type Order =
  /** Connect, and run one query. */
  | { connect: MssqlConfig }
  /** Run so many queries at once. */
  | { query: number }
  /** Disconnect, and end: the only order without an answer. */
  | { disconnect: true }

/** What it is answered. */
export interface Answer {
  /** When the current token expires, in ms since the epoch; undefined without one. */
  expiresOn: number | undefined
  /** How the queries ended that failed. */
  failures: string[]
}

let adapter: PrismaMssqlEntra | undefined
let prisma: PrismaClient | undefined

/** Runs so many queries at once. */
async function run(count: number): Promise<Answer> {
  const client = prisma
  if (client === undefined) throw new Error('Not connected.')
  const outcomes = await Promise.allSettled(Array.from({ length: count }, () => client.user.count()))
  return {
    expiresOn: adapter?.stats().generation?.tokenExpiresOn,
    failures: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : [])),
  }
}

function connect(config: MssqlConfig): void {
  adapter = new PrismaMssqlEntra(config, { credential: new ManagedIdentityCredential() })
  prisma = new PrismaClient({ adapter })
}

process.on('message', async (order: Order) => {
  if ('disconnect' in order) {
    await prisma?.$disconnect()
    // Nothing is left that would keep the process alive.
    process.disconnect?.()
    return
  }
  if ('connect' in order) connect(order.connect)
  process.send?.(await run('query' in order ? order.query : 1))
})
