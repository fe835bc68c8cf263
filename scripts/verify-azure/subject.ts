import { connect as connectTls } from 'node:tls'
import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../../generated/prisma/client.ts'
import { PrismaMssqlEntra, type PrismaMssqlEntraOptions } from '../../src/index.ts'
import { targetOf } from '../../src/login/target.ts'
import { startProxy } from '../../src/proxy/proxy.ts'
import { type Setup, setUp } from '../../src/setup.ts'
import { TdsClient, type TdsOptions } from '../../test/support/tds-client.ts'

/** How the wire is encrypted: from PRELOGIN on, or before it (TDS 8). */
export type Wire = 'TDS 7' | 'strict'

/** Enough for 10 MB on a slow line, in ms. */
const REQUEST_TIMEOUT = 150_000

/** Prisma's own 2 s to begin would test the machine, or the line, in ms. */
const TRANSACTIONS = { maxWait: 30_000, timeout: 60_000 }

/** How long to wait for an answer to TLS, in ms. */
const PROBE_TIMEOUT = 10_000

/** The database that is verified: every way into it, with one token source. */
export class Subject {
  readonly url: string
  readonly setup: Setup

  /** @throws EntraError `CONFIG_INVALID` and the like */
  constructor(url: string) {
    this.url = url
    this.setup = setUp(url, {})
  }

  get host(): string {
    return this.setup.mssql.server
  }

  config(wire: Wire): MssqlConfig {
    const { mssql } = this.setup
    // The types of `mssql` do not know `strict`.
    const encrypt = (wire === 'strict' ? 'strict' : true) as boolean
    return { ...mssql, requestTimeout: REQUEST_TIMEOUT, options: { ...mssql.options, encrypt } }
  }

  /** Works with Prisma Client on a new adapter. */
  async withPrisma<T>(
    wire: Wire,
    signal: AbortSignal,
    work: (prisma: PrismaClient, adapter: PrismaMssqlEntra) => Promise<T>,
    options: PrismaMssqlEntraOptions = {},
  ): Promise<T> {
    const { tokenSource } = this.setup
    const adapter = new PrismaMssqlEntra(this.config(wire), { ...options, tokenSource })
    const prisma = new PrismaClient({ adapter, transactionOptions: TRANSACTIONS })
    return closing(
      signal,
      () => prisma.$disconnect(),
      () => work(prisma, adapter),
    )
  }

  /** Works with a client that only knows user and password, through a new proxy. */
  async withProxy<T>(
    wire: Wire,
    signal: AbortSignal,
    work: (open: (options?: TdsOptions) => Promise<TdsClient>) => Promise<T>,
  ): Promise<T> {
    const { tokenSource, audience } = this.setup
    const proxy = await startProxy({ target: targetOf(this.config(wire)), tokenSource, audience, unref: true })
    const { host, port, user, password } = proxy
    const clients: TdsClient[] = []
    const open = async (options: TdsOptions = {}) => {
      const login = { database: this.setup.mssql.database, ...options } as TdsOptions
      const client = await TdsClient.open({ host, port, encrypt: false }, { user, password }, login)
      clients.push(client)
      return client
    }
    return closing(
      signal,
      async () => {
        await Promise.all(clients.map((client) => client.close()))
        await proxy.close()
      },
      () => work(open),
    )
  }

  /**
   * Works with the driver alone, with a token: a problem that it has too is not ours.
   *
   * @param database - if not the URL's
   */
  async withDriver<T>(work: (client: TdsClient) => Promise<T>, database = this.setup.mssql.database): Promise<T> {
    const { mssql, tokenSource } = this.setup
    const { token } = await tokenSource.get()
    const { port, encrypt: _, ...options } = (mssql.options ?? {}) as TdsOptions & { port?: number; encrypt?: boolean }
    const client = await TdsClient.open(
      { host: mssql.server, port: mssql.port ?? port ?? 1433, encrypt: true },
      { token },
      { ...options, ...(database !== undefined && { database }) },
    )
    try {
      return await work(client)
    } finally {
      await client.close()
    }
  }

  /** Whether the server accepts TLS before TDS. Does not check its certificate. */
  takesTlsFirst(): Promise<boolean> {
    const { server, port = 1433 } = this.setup.mssql
    return new Promise((resolve) => {
      const socket = connectTls({
        host: server,
        port,
        servername: server,
        ALPNProtocols: ['tds/8.0'],
        rejectUnauthorized: false,
        timeout: PROBE_TIMEOUT,
      })
      const answer = (value: boolean) => {
        socket.destroy()
        resolve(value)
      }
      socket.once('secureConnect', () => answer(true))
      for (const event of ['error', 'close', 'timeout']) socket.once(event, () => answer(false))
    })
  }
}

/** Works until it is done or aborted, and closes then: a step that is cut must not go on during the next one. */
async function closing<T>(signal: AbortSignal, close: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  let closed: Promise<unknown> | undefined
  const closeOnce = () => {
    closed ??= close().catch(() => {})
    return closed
  }
  signal.addEventListener('abort', closeOnce, { once: true })
  try {
    signal.throwIfAborted()
    return await work()
  } finally {
    signal.removeEventListener('abort', closeOnce)
    await closeOnce()
  }
}
