import { ManagedIdentityCredential } from '@azure/identity'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useFaultyAzure } from './support.ts'
import { second, until } from './time.ts'

/** In a separate file: MSAL keeps one client for managed identities, with the retry options of the first credential. */
const azure = useFaultyAzure()

beforeEach(() => {
  for (const [name, value] of Object.entries(azure.authority.environment('app-service'))) vi.stubEnv(name, value)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('an unmodified ManagedIdentityCredential that is throttled', () => {
  it('waits for the endpoint’s Retry-After while work continues', async () => {
    azure.authority.tokenLifetime = 6 * second
    const { prisma, adapter, events } = azure.connect({ credential: new ManagedIdentityCredential() })
    await prisma.user.count()
    const throttling = azure.authority.inject({ status: 429, retryAfter: 1, times: 1 })
    while (adapter.stats().rotations === 0) await prisma.user.count()
    expect(throttling.hits).toBe(1)
    expect(events.of('token.refresh-failed')).toEqual([])
    // The next request may be under way.
    await until(() => {
      const { tokenRequests, tokensIssued, maxInFlight } = azure.authority.stats()
      expect([tokenRequests, maxInFlight]).toEqual([tokensIssued + 1, 1])
    })
    expect(events.of('token.acquired')[1]?.durationMs).toBeGreaterThanOrEqual(1 * second)
  })
})
