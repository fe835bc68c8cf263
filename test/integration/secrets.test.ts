import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { ManagedIdentityCredential } from '@azure/identity'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type PrismaMssqlEntraOptions, TokenSource } from '../../src/index.ts'
import { useDatabase } from './database.ts'
import { HURRY, hurried } from './hurried.ts'
import { secretsIn, textsOf } from './secrets.ts'

const CHANNELS = ['token.acquired', 'rotation.started', 'rotation.finished', 'connection.opened', 'connection.closed']

const db = useDatabase()

afterEach(() => {
  vi.unstubAllEnvs()
})

/** Every secret that must not appear. */
const secrets = () => [
  ...db.azure.authority.issuedTokens,
  db.azure.authority.identityHeader,
  ...db.azure.authority.principals.flatMap(({ secret }) => secret ?? []),
  db.azure.upstream.password,
]

function expectNoSecretIn(...values: unknown[]): void {
  expect(db.azure.authority.issuedTokens.length).toBeGreaterThan(0)
  expect(secretsIn(values.flatMap(textsOf).join('\n'), secrets())).toEqual([])
}

describe('tokens, secrets and passwords', () => {
  it('are found by this test’s search if they are present', async () => {
    const { token } = await db.azure.authority.issueToken()
    const hidden = new Error('x', { cause: { deep: { config: [{ token }] } } })
    expect(secretsIn(textsOf(hidden).join(), secrets())).toHaveLength(1)
    expect(secretsIn(`Bearer ${token.slice(-100)}`, secrets())).toHaveLength(1)
    expect(secretsIn(Buffer.from(token, 'utf16le').toString('latin1'), secrets())).toHaveLength(1)
  })

  it('do not appear in events, statistics, the adapter or the client', async () => {
    for (const [name, value] of Object.entries(db.azure.authority.environment('app-service'))) vi.stubEnv(name, value)
    const seen: unknown[] = []
    const onMessage = (message: unknown) => seen.push(message)
    const channels = CHANNELS.map((name) => `prisma-adapter-mssql-entra:${name}`)
    for (const name of channels) subscribe(name, onMessage)
    db.azure.authority.tokenLifetime = 12_000
    try {
      const credential = hurried(new ManagedIdentityCredential())
      const { prisma, adapter } = db.connect({ credential, rotation: HURRY, onEvent: onMessage })
      await vi.waitFor(
        async () => {
          await prisma.user.count()
          expect(adapter.stats().rotations).toBeGreaterThan(0)
        },
        { timeout: 20_000 },
      )
      seen.push(adapter, adapter.stats(), await adapter.connect(), textsOf(prisma, 4))
      await prisma.$disconnect()
      seen.push(adapter)
    } finally {
      db.azure.authority.tokenLifetime = 3_600_000
      for (const name of channels) unsubscribe(name, onMessage)
    }
    expectNoSecretIn(...seen)
  })

  it('do not appear in an inspected token source', async () => {
    const source = new TokenSource(db.azure.credential(), { scope: 'x' })
    const { prisma } = db.connect({ tokenSource: source })
    await prisma.user.count()
    expectNoSecretIn(source, source.stats())
    source.close()
  })

  it('do not appear in query errors', async () => {
    const { prisma } = db.connect()
    await prisma.tag.create({ data: { name: 'x' } })
    const failures = [
      prisma.tag.create({ data: { name: 'x' } }),
      prisma.$queryRaw`SELECT * FROM [nothing]`,
      prisma.$transaction([prisma.$executeRaw`SELECT 1 / 0`]),
      prisma.$transaction(async (tx) => tx.$executeRaw`THROW 50000, 'x', 1`),
    ]
    expectNoSecretIn(...(await Promise.all(failures.map(failureOf))))
  })

  it.each<[string, () => PrismaMssqlEntraOptions, object]>([
    [
      'a wrong audience',
      () => ({ credential: { getToken: () => db.azure.authority.issueToken({ audience: 'x' }) } }),
      {},
    ],
    ['a missing database', () => ({}), { database: 'no_such_database' }],
    ['a closed port', () => ({}), { port: 1 }],
    ['an unknown certificate authority', () => ({}), { options: { cryptoCredentialsDetails: { ca: [] } } }],
  ])('do not appear in login errors: %s', async (_, options, config) => {
    const seen: unknown[] = []
    const note = (value: unknown) => seen.push(value)
    const { prisma, adapter } = db.connect(
      { ...options(), rotation: { connectRetryTimeout: 0 }, onEvent: note, onPoolError: note, onConnectionError: note },
      config,
    )
    expectNoSecretIn(await failureOf(prisma.$connect()), await failureOf(adapter.connect()), adapter, ...seen)
  })

  it('do not appear in the errors of a connection lost during a query', async () => {
    const seen: unknown[] = []
    const note = (value: unknown) => seen.push(value)
    const { prisma, adapter } = db.connect({
      rotation: { connectRetryTimeout: 0 },
      onEvent: note,
      onPoolError: note,
      onConnectionError: note,
    })
    await prisma.$connect()
    for (const at of ['request', 'response'] as const) {
      const fault = db.azure.gateway.inject({ at, action: { drop: true } })
      seen.push(await failureOf(prisma.tag.count()))
      seen.push(await failureOf(prisma.$transaction([prisma.tag.count()])))
      expect(fault.hits).toBeGreaterThanOrEqual(2)
      fault.clear()
    }
    expectNoSecretIn(adapter, inspect(prisma), ...seen)
  })
})

async function failureOf(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('It was meant to fail.')
}
