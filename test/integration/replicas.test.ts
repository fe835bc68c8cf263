import { readReplicas } from '@prisma/extension-read-replicas'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TokenSource } from '../../src/index.ts'
import { type Gateway, startGateway } from '../../src/testing/index.ts'
import { useDatabase } from './database.ts'

const db = useDatabase()
let replica: Gateway

beforeAll(async () => {
  const { upstream, authority } = db.azure
  replica = await startGateway({ upstream, verification: authority.verification })
})
afterAll(() => replica?.close())

/** How many requests went to the primary and to the replica while this ran. */
async function requests(work: () => PromiseLike<unknown>): Promise<[primary: number, replica: number]> {
  const counts = () => [db.azure.gateway, replica].map((gateway) => gateway.stats().requests)
  const before = counts()
  await work()
  return counts().map((count, i) => count - (before[i] ?? 0)) as [number, number]
}

describe('the recipe for replicas in docs/operations.md', () => {
  it('reads from the replica and writes to the primary, with one token for both', async () => {
    const tokenSource = new TokenSource(db.azure.credential(), { scope: 'https://database.windows.net/.default' })
    const primary = db.connect({ tokenSource })
    const options = { readOnlyIntent: true, cryptoCredentialsDetails: { ca: replica.ca } }
    const reads = db.connect({ tokenSource, retryReads: true }, { port: replica.port, options })
    const prisma = primary.prisma.$extends(readReplicas({ replicas: [reads.prisma] }))
    await Promise.all([prisma.$primary().tag.count(), prisma.tag.count()])

    expect(await requests(() => prisma.tag.create({ data: { name: 'written' } }))).toEqual([expect.any(Number), 0])
    const [toPrimary, toReplica] = await requests(() => prisma.tag.findMany())
    expect([toPrimary, toReplica > 0]).toEqual([0, true])
    const [read, alsoRead] = await requests(() => prisma.$primary().tag.findMany())
    expect([read > 0, alsoRead]).toEqual([true, 0])
    const [inTransaction, elsewhere] = await requests(() => prisma.$transaction((tx) => tx.tag.findMany()))
    expect([inTransaction > 0, elsewhere]).toEqual([true, 0])
    expect(tokenSource.stats().tokensRequested).toBe(1)
    tokenSource.close()
  })
})
