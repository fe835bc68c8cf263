import { describe, expect, it } from 'vitest'
import type { PrismaMssqlEntraOptions } from '../../../src/index.ts'
import { failureOf, useFaultyAzure } from './support.ts'
import { minute, second, until } from './time.ts'
import { TroubledCredential, throttled } from './troubled-credential.ts'

const azure = useFaultyAzure()

/** With tokens of an hour and the defaults: the refresh is due 10 min before the end, the hard window 2 min before. */
const REFRESH = 50 * minute
const HARD_WINDOW = 58 * minute

async function connectWith(options: PrismaMssqlEntraOptions = {}) {
  const credential = new TroubledCredential(() => azure.authority.issueToken())
  const client = azure.connect({ credential, ...options, rotation: { spread: 0, ...options.rotation } })
  await client.prisma.$connect()
  return { ...client, credential }
}

describe('while the token is good, a credential', () => {
  it('that is throttled is asked again after its Retry-After, then ever less often; work goes on', async () => {
    const { prisma, adapter, events, credential } = await connectWith({ random: () => 0 })
    credential.trouble = throttled(30)
    azure.clock.pass(REFRESH)
    expect(await events.nth(1, 'token.refresh-failed')).toMatchObject({
      attempt: 1,
      retryInMs: 30 * second,
      error: { code: 'TOKEN_REQUEST_THROTTLED', message: expect.stringContaining('Too many requests.') },
    })
    azure.clock.pass(20 * second)
    await prisma.user.count()
    expect(credential.requests).toBe(2)

    credential.trouble = new Error('503 Service Unavailable')
    azure.clock.pass(10 * second)
    for (const [attempt, retryInMs] of [
      [2, 1 * second],
      [3, 2 * second],
      [4, 4 * second],
      [5, 8 * second],
      [6, 16 * second],
      [7, 30 * second],
    ] as const) {
      expect(await events.nth(attempt, 'token.refresh-failed')).toMatchObject({ attempt, retryInMs })
      await prisma.user.count()
      azure.clock.pass(retryInMs)
    }
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 1, rotations: 0, generation: { id: 1 } })

    credential.trouble = undefined
    azure.clock.pass(1 * minute)
    await events.nth(1, 'rotation.finished')
    await prisma.user.count()
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, rotations: 1, generation: { id: 2 } })
    expect(credential.mostInFlight).toBe(1)
  })

  it('that hangs is given up after 30 s, and asked again; work goes on', async () => {
    const { prisma, adapter, events, credential } = await connectWith()
    credential.trouble = 'hang'
    azure.clock.pass(REFRESH)
    await until(() => expect(credential.requests).toBe(2))
    azure.clock.pass(20 * second)
    await prisma.user.count()
    expect(events.of('token.refresh-failed')).toEqual([])
    expect(credential.requests).toBe(2)

    azure.clock.pass(10 * second)
    const failed = await events.nth(1, 'token.refresh-failed')
    expect(failed.error).toMatchObject({ code: 'TOKEN_REQUEST_TIMEOUT' })
    await prisma.user.count()
    credential.trouble = undefined
    azure.clock.pass(failed.retryInMs)
    await events.nth(1, 'rotation.finished')
    expect(credential.requests).toBe(3)
    expect(credential.mostInFlight).toBe(1)
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, refreshesFailed: 1 })
  })
})

describe('when the hard window begins and the credential still fails', () => {
  it('new work waits, then fails with the credential’s own error; a transaction goes on to its token’s end', async () => {
    const { prisma, adapter, events, credential } = await connectWith()
    const transaction = prisma.$transaction(
      async (tx) => {
        await tx.tag.create({ data: { name: 'before' } })
        credential.trouble = new Error('the vault is sealed')
        azure.clock.pass(HARD_WINDOW)
        const asked = await until(() => {
          expect(credential.requests).toBeGreaterThan(1)
          return credential.requests
        })
        const begun = azure.clock.now()
        const waits: number[] = []
        const waiting = Array.from({ length: 50 }, () =>
          failureOf(prisma.user.count()).finally(() => waits.push(azure.clock.now() - begun)),
        )
        // One that waits has the credential asked again within 2 s.
        await until(() => expect(credential.requests).toBeGreaterThan(asked))
        azure.clock.pass(8 * second)
        await tx.tag.create({ data: { name: 'in the hard window' } })
        expect(waits).toEqual([])

        await until(() => {
          azure.clock.pass(0.5 * second)
          expect(waits).toHaveLength(50)
        })
        for (const ms of waits) expect(ms).toBeGreaterThanOrEqual(15 * second)
        for (const ms of waits) expect(ms).toBeLessThan(20 * second)
        for (const failure of await Promise.all(waiting)) {
          expect(failure).toMatchObject({
            meta: { code: 'TOKEN_UNAVAILABLE' },
            message: expect.stringMatching(/within 15000 ms.*the vault is sealed/),
          })
        }
        expect(credential.requests - asked).toBeLessThan(15)
        expect(credential.mostInFlight).toBe(1)
        await tx.tag.create({ data: { name: 'still in the hard window' } })

        azure.clock.pass(2 * minute)
        await tx.tag.count()
      },
      { timeout: 10 * minute },
    )
    expect(await failureOf(transaction)).toMatchObject({
      code: 'P2034',
      meta: { code: 'TRANSACTION_TOKEN_EXPIRED' },
    })
    expect(await events.nth(1, 'generation.closed')).toMatchObject({ generation: 1, reason: 'expired' })
    expect(await azure.sql('SELECT * FROM [dbo].[Tag]')).toEqual([])

    credential.trouble = undefined
    azure.clock.pass(2 * second)
    expect(await prisma.user.count()).toBe(0)
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, generation: { id: 2 } })
    // The ROLLBACK that Prisma Client sends, which is no statement.
    expect(azure.gateway.stats().requestsAfterExpiry).toBeLessThanOrEqual(1)
  })

  it('work that waits goes on as soon as the credential is back', async () => {
    const { prisma, adapter, events, credential } = await connectWith()
    credential.trouble = new Error('no route to the endpoint')
    azure.clock.pass(HARD_WINDOW)
    await events.nth(1, 'token.refresh-failed')
    const waiting = Promise.all(Array.from({ length: 50 }, () => prisma.user.count()))
    await events.nth(2, 'token.refresh-failed')
    credential.trouble = undefined
    azure.clock.pass(2 * second)
    expect(await waiting).toEqual(Array.from({ length: 50 }, () => 0))
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, generation: { id: 2 } })
    expect(credential.mostInFlight).toBe(1)
  })

  it('no work waits longer than it may, though others have waited before it', async () => {
    const { prisma, events, credential } = await connectWith({ rotation: { waitTimeout: 10 * minute } })
    credential.trouble = new Error('no route to the endpoint')
    azure.clock.pass(HARD_WINDOW)
    await events.nth(1, 'token.refresh-failed')
    const waited = async () => {
      const begun = azure.clock.now()
      expect(await failureOf(prisma.user.count())).toMatchObject({ meta: { code: 'TOKEN_UNAVAILABLE' } })
      return azure.clock.now() - begun
    }
    const first = waited()
    await events.nth(2, 'token.refresh-failed')
    azure.clock.pass(5 * minute)
    let second: number | undefined
    void waited().then((ms) => {
      second = ms
    })
    await events.nth(3, 'token.refresh-failed')
    await until(() => {
      azure.clock.pass(10_000)
      expect(second).toBeDefined()
    })
    for (const ms of [await first, second]) expect(ms).toBeGreaterThanOrEqual(10 * minute)
    for (const ms of [await first, second]) expect(ms).toBeLessThan(13 * minute)
  })
})

describe('a client that never had a token', () => {
  it('fails with the credential’s own error after the wait, and works when the credential does', async () => {
    const credential = new TroubledCredential(() => azure.authority.issueToken())
    credential.trouble = new Error('the vault is sealed')
    const { prisma, events } = azure.connect({ credential })
    const first = failureOf(prisma.user.count())
    await events.nth(1, 'token.refresh-failed')
    azure.clock.pass(15 * second)
    expect(await first).toMatchObject({ message: expect.stringContaining('the vault is sealed') })
    credential.trouble = undefined
    azure.clock.pass(2 * second)
    expect(await prisma.user.count()).toBe(0)
  })
})
