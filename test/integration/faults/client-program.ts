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
  /** Block the event loop for so many ms, and run one query at once; answered before that. */
  | { blockAndQuery: number }
  /** Run a statement that takes its time; answered before it has ended. */
  | { begin: string }
  /** Open a transaction and add a user in it; answered while it is open. */
  | { transaction: string }
  /** Go on with what was begun; answered when it has ended. */
  | { end: true }
  /** Disconnect, and end: the only order without an answer. */
  | { disconnect: true }

/** What it is answered. */
export interface Answer {
  /** When the first token in use expires, in ms since the epoch; undefined without a connection. */
  expiresOn: number | undefined
  /** How the queries ended that failed: Prisma's code, ours, and the message. */
  failures: string[]
}

let adapter: PrismaMssqlEntra | undefined
let prisma: PrismaClient | undefined

/** What was begun and has not been asked for. */
let begun: Promise<unknown> = Promise.resolve()
let goOn = () => {}

function connected(): PrismaClient {
  if (prisma === undefined) throw new Error('Not connected.')
  return prisma
}

function connect(config: MssqlConfig): void {
  adapter = new PrismaMssqlEntra(config, { credential: new ManagedIdentityCredential(), rotation: { spread: 0 } })
  prisma = new PrismaClient({ adapter })
}

/** Does nothing else for so many ms, and runs a query before the event loop has turned. */
function runAfterBlocking(delay: number): Promise<unknown> {
  const until = Date.now() + delay
  while (Date.now() < until);
  return connected().user.count().then()
}

/** Opens a transaction that ends when it is told to go on. @returns when it has added the user, or has failed */
function openTransaction(email: string): Promise<unknown> {
  return new Promise((resolve) => {
    const work = async (tx: Pick<PrismaClient, 'user'>) => {
      await tx.user.create({ data: { email } })
      const goesOn = new Promise<void>((go) => {
        goOn = go
      })
      resolve(undefined)
      await goesOn
      await tx.user.count()
    }
    begun = connected().$transaction(work, { timeout: 600_000, maxWait: 600_000 })
    begun.catch(resolve)
  })
}

/** Begins what an order says. @returns what the answer is to wait for */
async function obey(order: Exclude<Order, { disconnect: true }>): Promise<unknown[]> {
  if ('connect' in order) connect(order.connect)
  if ('connect' in order) return [connected().user.count()]
  if ('query' in order) return Array.from({ length: order.query }, () => connected().user.count())
  if ('begin' in order) begun = Promise.resolve(connected().$executeRawUnsafe(order.begin))
  if ('transaction' in order) await openTransaction(order.transaction)
  if ('end' in order) goOn()
  begun.catch(() => {})
  return 'end' in order ? [begun] : []
}

function told(reason: unknown): string {
  const { code, meta, message } = reason as { code?: string; meta?: { code?: string }; message?: string }
  return `${code} ${meta?.code}: ${message}`
}

process.on('message', async (order: Order) => {
  if ('disconnect' in order) {
    await prisma?.$disconnect()
    // Nothing is left that would keep the process alive.
    process.disconnect?.()
    return
  }
  const outcomes = await Promise.allSettled(await obey(order))
  const answer: Answer = {
    expiresOn: adapter?.stats().tokenExpiresOn,
    failures: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [told(outcome.reason)] : [])),
  }
  process.send?.(answer, () => {
    if (!('blockAndQuery' in order)) return
    begun = runAfterBlocking(order.blockAndQuery)
    begun.catch(() => {})
  })
})
