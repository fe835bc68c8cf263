import type { config as MssqlConfig } from 'mssql'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { PrismaClient } from '../../generated/prisma/client.ts'
import { PrismaMssqlEntra, type PrismaMssqlEntraOptions } from '../../src/index.ts'
import { type LocalAzure, type LocalAzureOptions, startLocalAzure } from '../local-azure.ts'
import { applyMigrations, deleteAllRows, dropEverything } from './schema.ts'
import { sharedUpstream } from './shared-upstream.ts'
import { openSqlLogin, type SqlLogin } from './sql-login.ts'

/** A Prisma Client and its adapter. */
export interface Client {
  prisma: PrismaClient
  adapter: PrismaMssqlEntra
}

/** The example database behind a gateway, and clients on it. */
export interface Database {
  readonly azure: LocalAzure
  /** A client with a long-lived token, for tests that are not about tokens. */
  readonly prisma: PrismaClient
  /** A new client; it is disconnected after the test. */
  connect(options?: PrismaMssqlEntraOptions, config?: Partial<MssqlConfig> | string): Client
  /** Runs a batch with a SQL login, without the gateway. */
  sql: SqlLogin['run']
  /** Whether anything other than SELECT may have run since this was last reset. */
  changed: boolean
}

export interface DatabaseOptions extends LocalAzureOptions {
  /** Keep rows after a test that changed none. @defaultValue false */
  keepRows?: boolean
}

/** How long transactions may wait to begin and may take, in ms. Prisma's 2 and 5 s are too short on a busy machine. */
const PATIENT = { maxWait: 60_000, timeout: 60_000 }

/** Others may be waiting for the same real server. */
const SETUP_TIMEOUT = 600_000

/** Starts a local Azure with the example database for a test file. Rows are deleted after each test. */
export function useDatabase(options: DatabaseOptions = {}): Database {
  const clients: PrismaClient[] = []
  let azure: LocalAzure | undefined
  let login: SqlLogin | undefined
  let shared: PrismaClient | undefined

  const database: Database = {
    changed: true,
    get azure() {
      return started(azure)
    },
    get prisma() {
      shared ??= clientOn(database.azure, {}, {}, (query) => {
        if (!query.startsWith('SELECT')) database.changed = true
      }).prisma
      return shared
    },
    connect(adapterOptions = {}, config = {}) {
      database.changed = true
      const client = clientOn(database.azure, adapterOptions, config)
      clients.push(client.prisma)
      return client
    },
    sql(text) {
      database.changed = true
      return started(login).run(text)
    },
  }

  beforeAll(async () => {
    azure = await startLocalAzure({ ...options, upstream: await sharedUpstream() })
    login = await openSqlLogin(azure.upstream)
    await login.lock('prisma-adapter-mssql-entra tests')
    await dropEverything(login.run)
    await applyMigrations(login.run)
  }, SETUP_TIMEOUT)

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.$disconnect()))
    if (database.changed || !options.keepRows) await deleteAllRows(database.sql)
  })

  afterAll(async () => {
    await shared?.$disconnect()
    if (login !== undefined) await dropEverything(login.run)
    await login?.close()
    await azure?.close()
  })

  return database
}

function clientOn(
  azure: LocalAzure,
  options: PrismaMssqlEntraOptions = {},
  config: Partial<MssqlConfig> | string = {},
  onQuery?: (query: string) => void,
): Client {
  const adapter = new PrismaMssqlEntra(typeof config === 'string' ? config : azure.config(config), {
    ...(options.tokenSource === undefined && { credential: azure.credential() }),
    ...options,
  })
  const prisma = new PrismaClient({
    adapter,
    transactionOptions: PATIENT,
    log: [{ emit: 'event', level: 'query' }],
  })
  if (onQuery !== undefined) prisma.$on('query', ({ query }) => onQuery(query))
  return { prisma, adapter }
}

function started<T>(part: T | undefined): T {
  if (part === undefined)
    throw new Error('Only to be used inside a test: the database is started before the first one.')
  return part
}
