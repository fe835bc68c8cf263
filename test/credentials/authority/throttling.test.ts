import { describe, expect, it } from 'vitest'
import { isLasting, isThrottled, retryAfterOf } from '../../../src/credentials/retry-after.ts'
import type { TokenEvent } from '../../../src/events.ts'
import { TokenSource } from '../../../src/token/token-source.ts'
import { newScope } from '../../testing/authority/support.ts'
import { type Bench, SQL, signedIn, useAuthority } from './support.ts'

const bench = useAuthority()

function clientSecret({ authority, credential }: Bench) {
  const { tenantId, clientId, secret } = authority.principal('local-service')
  return credential('ActiveDirectoryServicePrincipal', { tenantId, clientId, secret })
}

const makers = {
  ActiveDirectoryServicePrincipal: () => clientSecret(bench),
  ActiveDirectoryWorkloadIdentity: () => {
    bench.environment('workload-identity')
    return bench.credential('ActiveDirectoryWorkloadIdentity')
  },
  Environment: () => {
    bench.environment('client-secret')
    return bench.credential('Environment')
  },
  ActiveDirectoryDefault: () => {
    bench.environment('client-secret')
    return bench.credential('ActiveDirectoryDefault')
  },
}

const failureOf = (outcome: Promise<unknown>): Promise<unknown> =>
  outcome.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('an authority that throttles requests', () => {
  it.each(Object.entries(makers))('passes on its Retry-After when %s signs in', async (_, make) => {
    const credential = make()
    bench.authority.inject({ status: 429, retryAfter: 7, endpoint: 'token' })
    const error = await failureOf(signedIn(credential, bench))
    expect(isThrottled(error)).toBe(true)
    expect(retryAfterOf(error, Date.now())).toBe(7_000)
    expect(isLasting(error)).toBe(false)
  })

  it('is known to have sent no Retry-After', async () => {
    bench.authority.inject({ status: 429, endpoint: 'token' })
    const error = await failureOf(signedIn(clientSecret(bench), bench))
    expect(isThrottled(error)).toBe(true)
    expect(retryAfterOf(error, Date.now())).toBeUndefined()
  })

  it.each([
    ['with Retry-After', { status: 429, retryAfter: 1 }],
    ['without Retry-After', { status: 429 }],
    ['by 503', { status: 503 }],
  ])('%s is asked again when the source retries, not after the minute for which MSAL refuses', async (_, fault) => {
    const credential = clientSecret(bench)
    const scope = newScope()
    bench.authority.inject({ ...fault, endpoint: 'token', times: 1 })
    await failureOf(signedIn(credential, bench, scope))
    expect(await signedIn(credential, bench, scope)).toBe('local-service')
    expect(bench.authority.stats().byEndpoint.token).toBe(2)
  })

  it('is distinguished from one that rejected the secret', async () => {
    const { tenantId, clientId } = bench.authority.principal('local-service')
    const credential = bench.credential('ActiveDirectoryServicePrincipal', { tenantId, clientId, secret: 'guess' })
    const error = await failureOf(signedIn(credential, bench))
    expect(isThrottled(error)).toBe(false)
    expect(isLasting(error)).toBe(true)
  })

  it('twice at a cold start returns the token at the third request, after the waits that it asked for', async () => {
    bench.authority.inject({ status: 429, retryAfter: 1, endpoint: 'token', times: 2 })
    const events: TokenEvent[] = []
    const source = new TokenSource(clientSecret(bench), { scope: SQL, onEvent: (event) => events.push(event) })
    const lease = await source.get({ timeout: 60_000 })
    source.close()
    expect(bench.authority.issuedTokens).toContain(lease.token)
    expect(events.map(({ type }) => type)).toEqual(['token.refresh-failed', 'token.refresh-failed', 'token.acquired'])
    for (const event of events) {
      if (event.type === 'token.refresh-failed') expect(event.retryInMs).toBeLessThanOrEqual(2_000)
    }
    expect(bench.authority.stats().byEndpoint.token).toBe(3)
  })
})
