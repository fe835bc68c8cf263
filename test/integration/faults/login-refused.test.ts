import { ManagedIdentityCredential } from '@azure/identity'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { failureOf, useFaultyAzure } from './support.ts'
import { hour, second, until } from './time.ts'
import { TroubledCredential } from './troubled-credential.ts'

const azure = useFaultyAzure()
const MAX = 10

afterEach(() => {
  vi.unstubAllEnvs()
})

const REFUSED = { number: 18456, message: "Login failed for user '<token-identified principal>'." }

/** Has each login refused from now on. */
const revoke = () => azure.gateway.inject({ at: 'login', action: { refuse: REFUSED } })

/** A credential whose next token is taken again. */
const renewing = () =>
  new TroubledCredential(() => {
    azure.gateway.clearFaults()
    return azure.authority.issueToken()
  })

describe('a login that is refused for its token', () => {
  it('at the first connect is made again with one new token', async () => {
    const stale = { expiresOnTimestamp: azure.clock.now() + hour }
    let requests = 0
    const credential = {
      getToken: async () => {
        const first = ++requests === 1
        const token = await azure.authority.issueToken(first ? { lifetime: -1 * second } : {})
        return first ? { ...token, ...stale } : token
      },
    }
    const { prisma, adapter } = azure.connect({ credential })
    expect(await prisma.user.count()).toBe(0)
    expect(requests).toBe(2)
    expect(azure.gateway.stats().loginFailures).toEqual({ 18456: 1 })
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, generation: { id: 1 } })
  })

  it('a second time is the user’s to mend: two token requests, two logins, and the server’s words', async () => {
    for (const [name, value] of Object.entries(azure.authority.environment('app-service'))) vi.stubEnv(name, value)
    azure.authority.inject({ wrongAudience: true })
    const { prisma, adapter } = azure.connect({ credential: new ManagedIdentityCredential() })
    expect(await failureOf(adapter.connect())).toMatchObject({ code: 'P1000', meta: { number: 18456 } })
    expect(azure.gateway.stats()).toMatchObject({ connections: 2, loginFailures: { 18456: 2 } })

    azure.gateway.resetStats()
    expect(await failureOf(prisma.user.count())).toMatchObject({
      message: expect.stringMatching(/Login failed for user '<token-identified principal>'.*18456/),
    })
    expect(azure.gateway.stats().connections).toBeLessThanOrEqual(2)
  })

  it('in mid-generation has the generation replaced, and what waited for the connection runs', async () => {
    const credential = renewing()
    const { prisma, adapter, events } = azure.connect({ credential })
    await prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'on the only connection' } })
      revoke()
      expect(await prisma.user.count()).toBe(0)
      await tx.tag.create({ data: { name: 'still there' } })
    })
    expect(await prisma.tag.count()).toBe(2)
    expect(credential.requests).toBe(2)
    expect(azure.gateway.stats().loginFailures).toEqual({ 18456: 1 })
    expect(events.of('rotation.finished')).toMatchObject([{ from: 1, to: 2, reason: 'refused' }])
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, generation: { id: 2 } })
  })

  it('with fifty queries waiting: one new token, one new generation, and no more logins than the pool has', async () => {
    const credential = renewing()
    const { prisma, adapter, events } = azure.connect({ credential }, { pool: { max: MAX } })
    await prisma.user.count()
    revoke()
    const counts = await Promise.all(Array.from({ length: 50 }, () => prisma.user.count()))
    expect(counts).toEqual(Array.from({ length: 50 }, () => 0))
    expect(credential.requests).toBe(2)
    expect(azure.gateway.stats().loginFailures[18456]).toBeLessThanOrEqual(MAX)
    expect(events.of('rotation.finished')).toMatchObject([{ from: 1, to: 2, reason: 'refused' }])
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, rotations: 1 })
  })

  it('for good, with fifty queries waiting again and again: one new token, and few logins each time', async () => {
    const credential = new TroubledCredential(() => azure.authority.issueToken())
    const { prisma, adapter } = azure.connect({ credential }, { pool: { max: MAX } })
    await prisma.user.count()
    azure.gateway.dropSessions()
    await until(() => expect(adapter.stats().connectionsOpen).toBe(0))
    revoke()
    const ROUNDS = 3
    for (let round = 0; round < ROUNDS; round++) {
      const failures = await Promise.all(Array.from({ length: 50 }, () => failureOf(prisma.user.count())))
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: 'P1010', meta: { code: 'PRINCIPAL_UNKNOWN', number: 18456 } })
      }
    }
    expect(credential.requests).toBeLessThanOrEqual(1 + ROUNDS)
    // The pool's own and the next pool's probe, and once more where a query came between.
    expect(azure.gateway.stats().loginFailures[18456]).toBeLessThanOrEqual(2 * (MAX + 1) * ROUNDS)
  })
})
