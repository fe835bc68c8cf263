// One contestant under a steady load, in a process of its own, where the server's name leads wherever the drill says.
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { PrismaMssql } from '@prisma/adapter-mssql'
import type { config as MssqlConfig } from 'mssql'
import { serveParent } from '../bench/child.ts'
import { PrismaClient } from '../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../src/index.ts'
import type { Place } from './azure-process.ts'
import type { Operation } from './figures.ts'

export type Contestant = 'ours' | 'official'

/** `end` answers with what was done since `begin`; `address`: where the server's name leads from now on. */
export type ClientOrder = { begin: string } | { end: true } | { address: string }

const NAME = 'localhost'
/** Between two queries, whether or not those before have ended, in ms. */
const EVERY = 100
/** Prisma's own 2 s would end the wait of a transaction for its connection. */
const PATIENT = { maxWait: 60_000, timeout: 60_000 }

process.on('SIGINT', () => {})

const contestant = process.argv[2] as Contestant
const place = JSON.parse(process.argv[3] ?? '') as Place
let address: string = place.addresses[0]
resolveNames()

const config: MssqlConfig = {
  server: NAME,
  port: place.port,
  database: place.database,
  options: { encrypt: true, cryptoCredentialsDetails: { ca: place.ca } },
}
const { token } = place.token
const adapter =
  contestant === 'ours'
    ? new PrismaMssqlEntra(config, { credential: { getToken: async () => place.token }, onEvent: () => {} })
    : new PrismaMssql(
        { ...config, authentication: { type: 'azure-active-directory-access-token', options: { token } } },
        { onPoolError: () => {}, onConnectionError: () => {} },
      )
const prisma = new PrismaClient({ adapter })
await prisma.$connect()
// Every connection of its pool, so that the load begins on an open one.
const first = () => prisma.$queryRaw`SELECT COUNT(*) AS [n] FROM [dbo].[drill_writes]`
for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 10 }, first))

let operations: Operation[] = []
const running = new Set<Promise<void>>()
let timer: NodeJS.Timeout | undefined
let count = 0

/** Reads, writes and transactions in turn. A write's number is used once. */
function start(who: string): void {
  const n = ++count
  const kind = (['read', 'write', 'transaction'] as const)[n % 3] ?? 'read'
  const work = {
    read: () => prisma.$queryRaw`SELECT COUNT(*) AS [n] FROM [dbo].[drill_writes] WHERE [who] = ${who}`,
    write: () => prisma.$executeRaw`INSERT INTO [dbo].[drill_writes] ([who], [n]) VALUES (${who}, ${n})`,
    transaction: () =>
      prisma.$transaction(async (tx) => {
        await tx.$queryRaw`SELECT COUNT(*) AS [n] FROM [dbo].[drill_writes] WHERE [n] = ${n}`
        await tx.$executeRaw`INSERT INTO [dbo].[drill_writes] ([who], [n]) VALUES (${who}, ${n})`
      }, PATIENT),
  }[kind]
  const operation: Operation = { n, kind, from: Date.now(), until: 0 }
  const done = work()
    .then(
      () => {},
      (error) => {
        operation.error = nameOf(error)
      },
    )
    .then(() => {
      operation.until = Date.now()
      operations.push(operation)
      running.delete(done)
    })
  running.add(done)
}

function nameOf(error: { code?: unknown; name?: unknown; meta?: { code?: unknown }; message?: string }): string {
  const { code, name, meta, message = '' } = error
  const own = typeof meta?.code === 'string' && contestant === 'ours' ? ` ${meta.code}` : ''
  const number = /Code: `(\w+)`/.exec(message)?.[1]
  return `${String(code ?? name)}${own}${number === undefined ? '' : ` ${number}`}`
}

function resolveNames(): void {
  const lookup = dns.lookup
  const found = (all: boolean) => (all ? [{ address, family: 4 }] : address)
  Object.assign(dns, {
    lookup(host: string, options: { all?: boolean }, callback?: (...answer: unknown[]) => void) {
      if (host !== NAME) return (lookup as (...passed: unknown[]) => void)(host, options, callback)
      const answer = (callback ?? options) as (...answer: unknown[]) => void
      process.nextTick(answer, null, found(options.all === true), 4)
    },
  })
  Object.assign(dns.promises, { lookup: async () => [{ address, family: 4 }] })
  syncBuiltinESMExports()
}

serveParent<ClientOrder>('ready', async (order) => {
  if ('address' in order) address = order.address
  if ('begin' in order) {
    operations = []
    timer = setInterval(() => start(order.begin), EVERY)
  }
  if (!('end' in order)) return undefined
  clearInterval(timer)
  await Promise.all(running)
  return operations
})
process.once('disconnect', () => process.exit())
