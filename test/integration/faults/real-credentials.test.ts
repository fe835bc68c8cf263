import { ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { deadlineOf, defaultRefreshTiming } from '../../../src/token/refresh-policy.ts'
import { useFaultyAzure } from './support.ts'
import { second, until } from './time.ts'

/** The credentials of `@azure/identity`, with tokens that live for seconds. */
const azure = useFaultyAzure()

beforeEach(() => {
  azure.authority.tokenLifetime = 3 * second
  for (const [name, value] of Object.entries(azure.authority.environment('app-service'))) vi.stubEnv(name, value)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

/** `@azure/identity` would retry for seconds by itself. */
const AT_ONCE = { retryOptions: { maxRetries: 0 } }

const managedIdentity = () => new ManagedIdentityCredential(AT_ONCE as object)
function clientSecret() {
  const { tenantId, clientId, secret = '' } = azure.authority.principal('local-service')
  return new ClientSecretCredential(tenantId, clientId, secret, { ...azure.authority.clientOptions(), ...AT_ONCE })
}

/** Runs queries until a time has passed and at least one has failed. @returns the failed ones */
async function queryBeyond(time: number, prisma: ReturnType<typeof azure.connect>['prisma']) {
  const failed: { endedAt: number; error: Error }[] = []
  while (Date.now() < time || failed.length === 0) {
    await prisma.user.count().catch((error: Error) => failed.push({ endedAt: Date.now(), error }))
  }
  return failed
}

describe('an outage from before the refresh until after the token’s end', () => {
  it.each([
    ['ManagedIdentityCredential answered 503', managedIdentity, { status: 503 }, /status 503/],
    ['ClientSecretCredential disconnected', clientSecret, { disconnect: true }, /network_error/],
    // After throttling, MSAL blocks further requests of the application for a minute.
    [
      'ClientSecretCredential throttled',
      clientSecret,
      { status: 429, retryAfter: 1, times: 1 },
      /too many incoming requests/,
    ],
  ] as const)('fails no query before the deadline, then reports why (%s)', async (_, make, fault, reason) => {
    const { prisma, adapter, events } = azure.connect({
      credential: make(),
      rotation: { waitTimeout: 2 * second },
    })
    await prisma.user.count()
    const { expiresOn, at: acquiredAt } = await events.nth(1, 'token.acquired')
    const outage = azure.authority.inject(fault)
    const failed = await queryBeyond(expiresOn + 0.5 * second, prisma)

    const deadline = deadlineOf(acquiredAt, expiresOn, defaultRefreshTiming)
    for (const { endedAt, error } of failed) {
      expect(endedAt).toBeGreaterThan(deadline)
      expect(error).toMatchObject({ meta: { code: 'TOKEN_UNAVAILABLE' }, message: expect.stringMatching(reason) })
    }
    // A request may be under way as the last query fails.
    const attempts = await until(() => {
      const numbers = events.of('token.refresh-failed').map(({ attempt }) => attempt)
      expect(outage.hits).toBe('times' in fault ? 1 : numbers.length)
      return numbers
    })
    expect(attempts).toEqual(Array.from(attempts, (_, i) => i + 1))
    expect(attempts.length).toBeGreaterThan('times' in fault ? 0 : 1)
    expect(attempts.length).toBeLessThan(15)
    expect(azure.authority.stats().maxInFlight).toBe(1)
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)

    outage.clear()
    if ('times' in fault) return
    await until(() => prisma.user.count())
    expect(adapter.stats().tokensAcquired).toBeGreaterThan(1)
  })
})
