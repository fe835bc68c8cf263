/** The program of a `ClientProcess`, which controls it by messages. */
import { ManagedIdentityCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../../../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../../../src/index.ts'

/** A message from the parent. */
export type ControlMessage =
  /** Connect and run one query. */
  | { connect: MssqlConfig }
  /** Run this many queries at once. */
  | { query: number }
  /** Block the event loop for this many ms, then run one query at once; answered before that. */
  | { blockAndQuery: number }
  /** Run a slow statement; answered before it ends. */
  | { begin: string }
  /** Open a transaction and add a user in it; answered while it is open. */
  | { transaction: string }
  /** Continue with the work that was begun; answered when it ends. */
  | { end: true }
  /** Disconnect and exit. This is the only message without an answer. */
  | { disconnect: true }

/** The answer to a message. */
export interface Answer {
  /** When the first token in use expires, in ms since the epoch; undefined without a connection. */
  expiresOn: number | undefined
  /** The failed queries: Prisma's code, ours, and the message. */
  failures: string[]
}

let adapter: PrismaMssqlEntra | undefined
let prisma: PrismaClient | undefined

/** The work that was begun and not awaited yet. */
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

/** Blocks for this many ms, then runs a query before the event loop turns. */
function runAfterBlocking(delay: number): Promise<unknown> {
  const until = Date.now() + delay
  while (Date.now() < until);
  return connected().user.count().then()
}

/** Opens a transaction that ends on request. Resolves when it has added the user, or has failed. */
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

/** Begins the work of a message. @returns the work that the answer waits for */
async function handle(message: Exclude<ControlMessage, { disconnect: true }>): Promise<unknown[]> {
  if ('connect' in message) connect(message.connect)
  if ('connect' in message) return [connected().user.count()]
  if ('query' in message) return Array.from({ length: message.query }, () => connected().user.count())
  if ('begin' in message) begun = Promise.resolve(connected().$executeRawUnsafe(message.begin))
  if ('transaction' in message) await openTransaction(message.transaction)
  if ('end' in message) goOn()
  begun.catch(() => {})
  return 'end' in message ? [begun] : []
}

function told(reason: unknown): string {
  const { code, meta, message } = reason as { code?: string; meta?: { code?: string }; message?: string }
  return `${code} ${meta?.code}: ${message}`
}

process.on('message', async (message: ControlMessage) => {
  if ('disconnect' in message) {
    await prisma?.$disconnect()
    // Nothing keeps the process alive now.
    process.disconnect?.()
    return
  }
  const outcomes = await Promise.allSettled(await handle(message))
  const answer: Answer = {
    expiresOn: adapter?.stats().tokenExpiresOn,
    failures: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [told(outcome.reason)] : [])),
  }
  process.send?.(answer, () => {
    if (!('blockAndQuery' in message)) return
    begun = runAfterBlocking(message.blockAndQuery)
    begun.catch(() => {})
  })
})
