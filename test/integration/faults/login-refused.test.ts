import { ManagedIdentityCredential } from '@azure/identity'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FaultyCredential } from './faulty-credential.ts'
import { failureOf, useFaultyAzure } from './support.ts'
import { hour, second, until } from './time.ts'

const azure = useFaultyAzure()
const MAX = 10

afterEach(() => {
  vi.unstubAllEnvs()
})

const REFUSED = { number: 18456, message: "Login failed for user '<token-identified principal>'. Token is expired." }
const UNKNOWN = { number: 18456, message: "Login failed for user '<token-identified principal>'." }

/** A credential whose next token is accepted again. */
const renewing = () =>
  new FaultyCredential(() => {
    azure.gateway.clearFaults()
    return azure.authority.issueToken()
  })

/** Refuses each login from now on. */
const refuse = (refuse = REFUSED) => azure.gateway.inject({ at: 'login', action: { refuse } })

describe('a login refused because of its token (error 18456)', () => {
  it('is retried with one new token at the first connect', async () => {
    const stale = { expiresOnTimestamp: Date.now() + hour }
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
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, connectionsOpen: 1 })
  })

  it('is not retried if the credential returns the same token, and fails with the server’s text', async () => {
    for (const [name, value] of Object.entries(azure.authority.environment('app-service'))) vi.stubEnv(name, value)
    azure.authority.inject({ wrongAudience: true })
    const { adapter } = azure.connect({ credential: new ManagedIdentityCredential() })
    expect(await failureOf(adapter.connect())).toMatchObject({
      code: 'P1000',
      meta: { number: 18456 },
      message: expect.stringMatching(/Login failed for user '<token-identified principal>'.*18456/),
    })
    expect(azure.gateway.stats()).toMatchObject({ connections: 1, loginFailures: { 18456: 1 } })
  })

  it('is not tried a third time if the next token is refused too', async () => {
    let lifetime = 1 * hour
    const credential = new FaultyCredential(() => {
      lifetime += 1 * second
      return azure.authority.issueToken({ lifetime })
    })
    refuse()
    const { adapter } = azure.connect({ credential })
    expect(await failureOf(adapter.connect())).toMatchObject({ code: 'P1000', meta: { code: 'TOKEN_REFUSED' } })
    expect(credential.requests).toBe(2)
    expect(azure.gateway.stats()).toMatchObject({ connections: 2, loginFailures: { 18456: 2 } })
  })

  it('is retried with a new token beside a transaction, which continues', async () => {
    const credential = renewing()
    const { prisma, adapter } = azure.connect({ credential })
    await prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'on the only connection' } })
      refuse()
      expect(await prisma.user.count()).toBe(0)
      await tx.tag.create({ data: { name: 'still there' } })
    })
    expect(await prisma.tag.count()).toBe(2)
    expect(credential.requests).toBe(2)
    expect(azure.gateway.stats().loginFailures).toEqual({ 18456: 1 })
    expect(adapter.stats().tokensAcquired).toBe(2)
  })

  it('costs one new token for fifty waiting queries, and no more refused logins than the pool has connections', async () => {
    const credential = renewing()
    const { prisma, adapter } = azure.connect({ credential }, { pool: { max: MAX } })
    await prisma.user.count()
    refuse()
    const counts = await Promise.all(Array.from({ length: 50 }, () => prisma.user.count()))
    expect(counts).toEqual(Array.from({ length: 50 }, () => 0))
    expect(credential.requests).toBeLessThanOrEqual(2)
    expect(azure.gateway.stats().loginFailures[18456] ?? 0).toBeLessThanOrEqual(MAX)
    expect(adapter.stats().refreshesFailed).toBe(0)
  })
})

describe('a login of a principal without a database user (error 18456)', () => {
  it('costs few logins and at most one new token for each round of fifty waiting queries', async () => {
    const credential = new FaultyCredential(() => azure.authority.issueToken())
    const { prisma, adapter } = azure.connect({ credential }, { pool: { max: MAX } })
    await prisma.user.count()
    azure.gateway.dropSessions()
    await until(() => expect(adapter.stats().connectionsOpen).toBe(0))
    refuse(UNKNOWN)
    const ROUNDS = 3
    for (let round = 0; round < ROUNDS; round++) {
      const failures = await Promise.all(Array.from({ length: 50 }, () => failureOf(prisma.user.count())))
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: 'P1010', meta: { code: 'PRINCIPAL_UNKNOWN', number: 18456 } })
      }
    }
    expect(credential.requests).toBeLessThanOrEqual(1 + ROUNDS)
    expect(azure.gateway.stats().loginFailures[18456]).toBeLessThanOrEqual(2 * MAX * ROUNDS)
  })
})
