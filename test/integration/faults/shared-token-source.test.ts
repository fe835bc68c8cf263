import { describe, expect, it } from 'vitest'
import { TokenSource } from '../../../src/index.ts'
import { defaultRefreshTiming, hardDeadline } from '../../../src/token/refresh-policy.ts'
import { Events } from './events.ts'
import { useFaultyAzure, type WatchedClient } from './support.ts'
import { minute, second, until } from './time.ts'
import { TroubledCredential } from './troubled-credential.ts'

const azure = useFaultyAzure()
const TENANTS = 200
const REFRESH = 50 * minute
const SPREAD = 0.5

/** A client for each tenant, with an adapter and a connection of its own; `random` differs evenly from one to the next. */
async function connectTenants(tokenSource: TokenSource): Promise<WatchedClient[]> {
  const tenants = Array.from({ length: TENANTS }, (_, number) =>
    azure.connect(
      { tokenSource, random: () => number / TENANTS, rotation: { spread: SPREAD } },
      { pool: { max: 1, idleTimeoutMillis: 10 * minute } },
    ),
  )
  const waiting = [...tenants]
  const connectAll = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await next.prisma.user.count()
  }
  await Promise.all(Array.from({ length: 8 }, connectAll))
  return tenants
}

describe('one token source under 200 adapters', () => {
  it('has one token request a refresh; rotations are spread; closing one leaves the others', async () => {
    const credential = new TroubledCredential(() => azure.authority.issueToken())
    const sourceEvents = new Events()
    const tokenSource = new TokenSource(credential, {
      timing: { refreshSpread: 0 },
      scope: 'https://database.windows.net/.default',
      clock: azure.clock,
      onEvent: sourceEvents.listen,
    })
    const tenants = await connectTenants(tokenSource)
    expect(credential.requests).toBe(1)
    expect(azure.gateway.stats().sessionsOpen).toBe(TENANTS)

    azure.clock.pass(REFRESH)
    const first = await sourceEvents.nth(1, 'token.acquired')
    const next = await sourceEvents.nth(2, 'token.acquired')
    const timeAtHand = hardDeadline({ acquiredAt: first.at, ...first }, defaultRefreshTiming) - next.at
    await until(() => {
      azure.clock.pass(2 * second)
      expect(tenants.every(({ adapter }) => adapter.stats().rotations === 1)).toBe(true)
    })
    for (const [number, { events }] of tenants.entries()) {
      const [started, ...more] = events.of('rotation.started')
      expect(more).toEqual([])
      const waited = (started?.at ?? 0) - next.at
      expect(waited).toBeGreaterThan((timeAtHand * SPREAD * number) / TENANTS - 1 * second)
      expect(waited).toBeLessThan(timeAtHand)
    }
    expect(credential.requests).toBe(2)
    expect(credential.mostInFlight).toBe(1)

    const [closed, ...others] = tenants
    await closed?.prisma.$disconnect()
    await Promise.all(others.map(({ prisma }) => prisma.user.count()))
    expect(azure.gateway.stats().sessionsOpen).toBe(TENANTS - 1)
    expect(credential.requests).toBe(2)
    await Promise.all(others.map(({ prisma }) => prisma.$disconnect()))
    await until(() => expect(azure.gateway.stats().sessionsOpen).toBe(0))
    expect(azure.gateway.stats()).toMatchObject({ requestsAfterExpiry: 0, loginFailures: {} })
  })
})
