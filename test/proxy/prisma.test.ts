import { PrismaMssql } from '@prisma/adapter-mssql'
import mssql from 'mssql'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { PrismaClient } from '../../generated/prisma/client.ts'
import type { ProxyEvent } from '../../src/proxy/events.ts'
import type { LoopbackProxy } from '../../src/proxy/proxy.ts'
import { applyMigrations, deleteAllRows, dropEverything } from '../integration/schema.ts'
import { sharedUpstream } from '../integration/shared-upstream.ts'
import { openSqlLogin, type SqlLogin } from '../integration/sql-login.ts'
import { type LocalAzure, startLocalAzure } from '../local-azure.ts'
import { startAzureProxy } from './azure-proxy.ts'

let azure: LocalAzure
let proxy: LoopbackProxy
let login: SqlLogin
const prismas: PrismaClient[] = []
const pools: mssql.ConnectionPool[] = []

beforeAll(async () => {
  azure = await startLocalAzure({ upstream: await sharedUpstream() })
  login = await openSqlLogin(azure.upstream)
  await login.lock('prisma-adapter-mssql-entra tests')
  await dropEverything(login.run)
  await applyMigrations(login.run)
  proxy = await startAzureProxy(azure)
}, 600_000)
afterEach(async () => {
  await Promise.all(prismas.splice(0).map((prisma) => prisma.$disconnect()))
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
  azure.gateway.clearFaults()
  await deleteAllRows(login.run)
})
afterAll(async () => {
  await proxy.close()
  await dropEverything(login.run)
  await login.close()
  await azure.close()
})

/** Prisma Client on the official adapter, by the connection string that the proxy gives. */
function official(url = proxy.url()): PrismaClient {
  const prisma = new PrismaClient({ adapter: new PrismaMssql(url) })
  prismas.push(prisma)
  return prisma
}

async function pool(options: mssql.config['options'], credentials: { password?: string } = {}) {
  const { user, password, port } = proxy
  const made = new mssql.ConnectionPool({
    server: 'localhost',
    user,
    port,
    password,
    database: azure.upstream.database,
    ...credentials,
    options: { ...options },
  })
  pools.push(made)
  return made.connect()
}

describe('the official adapter through the proxy', () => {
  it('writes and reads', async () => {
    const prisma = official()
    const user = await prisma.user.create({
      data: { email: 'ä@example.com', name: 'Ä', posts: { create: { title: 'One', slug: 'one' } } },
    })
    expect(await prisma.user.findMany({ include: { posts: true } })).toMatchObject([
      { id: user.id, name: 'Ä', posts: [{ title: 'One' }] },
    ])
  })

  // By default Prisma gives up a transaction that has no connection after 2 s, and one that runs after 5 s.
  const AMPLE_TIME = { maxWait: 60_000, timeout: 60_000 }

  it('runs concurrent transactions, each on its own connection', async () => {
    const prisma = official()
    await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        prisma.$transaction(async (tx) => {
          await tx.tag.create({ data: { name: `tag ${i}` } })
          if (i === 3) await tx.tag.create({ data: { name: `tag ${i}` } })
        }, AMPLE_TIME),
      ).map((work) => work.catch(() => {})),
    )
    expect((await prisma.tag.findMany({ orderBy: { name: 'asc' } })).map(({ name }) => name)).toEqual(
      [0, 1, 2, 4].map((i) => `tag ${i}`),
    )
  })

  it('gets the server’s own message for a failed sign-in, while the event says what to do', async () => {
    const events: ProxyEvent[] = []
    const told = await startAzureProxy(azure, { onEvent: (event) => events.push(event) })
    azure.gateway.inject({ at: 'login', action: { refuse: { number: 40615, message: 'Not from here.' } } })
    await expect(official(told.url()).user.count()).rejects.toThrow(/Not from here\.$/)
    expect(events).toMatchObject([
      {
        type: 'proxy.login-failed',
        error: { number: 40615, message: expect.stringMatching(/\nThe server's firewall/) },
      },
    ])
    await told.close()
  })

  it('waits for a database that is paused', async () => {
    const patient = await startAzureProxy(azure, { timing: { connectRetryInterval: 20 } })
    azure.gateway.inject({ at: 'login', action: { refuse: { number: 40613 } }, times: 3 })
    expect(await official(patient.url()).user.count()).toBe(0)
    await patient.close()
  })

  it('follows a redirect', async () => {
    const { gateway } = azure
    gateway.inject({ at: 'login', action: { redirect: { host: '127.0.0.1', port: gateway.port } }, times: 1 })
    expect(await official().user.count()).toBe(0)
    expect(proxy.stats().redirects).toBe(1)
  })
})

describe('mssql through the proxy', () => {
  it.each<[string, () => mssql.config['options']]>([
    ['in the clear', () => ({ encrypt: false })],
    ['encrypted', () => ({ encrypt: true, cryptoCredentialsDetails: { ca: proxy.ca } })],
    ['by TDS 8', () => ({ encrypt: 'strict' as never, cryptoCredentialsDetails: { ca: proxy.ca } })],
  ])('logs in %s and runs a query', async (_, options) => {
    const { recordset } = await (await pool(options())).request().query('SELECT 42 AS answer')
    expect(recordset).toEqual([{ answer: 42 }])
  })

  it('does not trust its certificate without the authority', async () => {
    await expect(pool({ encrypt: true })).rejects.toThrow(/certificate/)
  })

  it('is refused with another password', async () => {
    await expect(pool({ encrypt: false }, { password: azure.upstream.password })).rejects.toThrow(
      /only accepts the user and password/,
    )
  })

  it('can cancel a running statement and continue', async () => {
    const connected = await pool({ encrypt: false })
    const request = connected.request()
    const waiting = request.query("WAITFOR DELAY '00:00:30'")
    setTimeout(() => request.cancel(), 200)
    await expect(waiting).rejects.toMatchObject({ code: 'ECANCEL' })
    expect((await connected.request().query('SELECT 1 AS one')).recordset).toEqual([{ one: 1 }])
  })

  it('is disconnected when the gateway drops its sessions', async () => {
    const connected = await pool({ encrypt: false })
    await connected.request().query('SELECT 1 AS one')
    const before = proxy.stats().sessionsOpen
    expect(before).toBeGreaterThan(0)
    azure.gateway.dropSessions()
    await vi.waitFor(() => expect(proxy.stats().sessionsOpen).toBe(0))
  })
})
