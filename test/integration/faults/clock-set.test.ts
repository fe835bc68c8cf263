import type { AccessToken } from '@azure/identity'
import { beforeEach, describe, expect, it } from 'vitest'
import type { PrismaMssqlEntraOptions } from '../../../src/index.ts'
import { Counter } from './counter.ts'
import { MovableClock } from './movable-clock.ts'
import { byLifetime, failureOf, start, useFaultyAzure } from './support.ts'
import { hour, minute, second, until } from './time.ts'
import { TroubledCredential } from './troubled-credential.ts'

/** Authority and gateway have their clock, and this machine has its own, which is set. */
const azure = useFaultyAzure()
let local: MovableClock
beforeEach(() => {
  local = new MovableClock(azure.clock.now())
})

/** Time goes by for all. */
function pass(ms: number): void {
  azure.clock.pass(ms)
  local.pass(ms)
}

/** Reckons the expiry from the local clock. */
const relative = () => byLifetime(azure, local)()

/** Passes the authority's time on, as the endpoints of managed identities have it. */
const absolute = () => azure.authority.issueToken()

async function connected(give: () => Promise<AccessToken>, options: PrismaMssqlEntraOptions = {}) {
  const credential = new TroubledCredential(give)
  const client = azure.connect({ clock: local, credential, rotation: { spread: 0 }, ...options })
  await client.prisma.user.count()
  const fifty = () => Promise.all(Array.from({ length: 50 }, () => client.prisma.user.count()))
  return { ...client, credential, fifty }
}

describe('the clock, set', () => {
  it.each([5, -5])('by some minutes (%i), changes nothing', async (minutes) => {
    const { fifty, credential, events } = await connected(relative)
    local.set(minutes * minute)
    await fifty()
    pass(30 * minute)
    await fifty()
    expect(credential.requests).toBe(1)
    expect(events.all.map(({ type }) => type)).toEqual(['token.acquired', 'generation.opened'])
  })
})

describe('the clock, set ahead', () => {
  it('by hours, has the token replaced once for all, and is reported', async () => {
    const { fifty, credential, events, adapter } = await connected(relative)
    local.set(3 * hour)
    await fifty()
    await fifty()
    expect(credential.requests).toBe(2)
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, rotations: 1 })
    const [event, ...more] = events.of('clock.skew')
    expect(more).toEqual([])
    expect((event?.skewMs ?? 0) / hour).toBeCloseTo(3)
    // Two generations, each with a probe and at most ten connections.
    expect(azure.gateway.stats().logins).toBeLessThanOrEqual(22)
  })

  it('by hours, where tokens come with the authority’s time: says so, asks rarely, and works when it is set right', async () => {
    const { prisma, credential } = await connected(absolute)
    local.set(2 * hour)
    let failure: Error | undefined
    void failureOf(prisma.user.count()).then((error) => {
      failure = error
    })
    await until(() => {
      pass(1 * second)
      expect(failure).toBeDefined()
    })
    expect(failure).toMatchObject({
      meta: { code: 'TOKEN_UNAVAILABLE' },
      message: expect.stringMatching(/expired \d+ s ago.*check the clock of this machine/),
    })
    expect(credential.requests).toBeLessThan(20)
    expect(credential.mostInFlight).toBe(1)

    local.set(-2 * hour)
    pass(2 * second)
    await prisma.user.count()
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)
  })
})

describe('the clock, set back', () => {
  it('by hours, does not keep an old token in use: it is refreshed and its generation closed in time', async () => {
    const { fifty, credential, events } = await connected(relative)
    local.set(-3 * hour)
    await fifty()
    expect(credential.requests).toBe(1)
    pass(50 * minute)
    await events.nth(1, 'rotation.finished')
    await fifty()
    expect(credential.requests).toBe(2)
    expect((await events.nth(1, 'clock.skew')).skewMs / hour).toBeCloseTo(-3)
    pass(10 * minute)
    await fifty()
    expect(await events.nth(1, 'generation.closed')).toMatchObject({ generation: 1 })
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)
  })

  it('from the beginning, where tokens come with the authority’s time: reported, and the server’s word counts', async () => {
    local.set(-2 * hour)
    const { prisma, credential, events, adapter } = await connected(absolute)
    expect((await events.nth(1, 'clock.skew')).skewMs / hour).toBeCloseTo(-2)
    const counter = await Counter.in(azure)
    for (let lifetimes = 1; lifetimes <= 3; lifetimes++) {
      pass(1 * hour + 1 * second)
      await counter.increment(prisma)
      expect(await counter.value()).toBe(lifetimes)
      expect(credential.requests).toBe(1 + lifetimes)
    }
    expect(adapter.stats()).toMatchObject({ rotations: 3, refreshesFailed: 0 })
  })

  it('while work waits for a token, makes the wait no longer', async () => {
    const { prisma, credential, events } = await connected(relative)
    credential.trouble = new Error('no route to the endpoint')
    pass(59 * minute)
    const query = failureOf(prisma.user.count())
    await events.nth(2, 'token.refresh-failed')
    local.set(-3 * hour)
    await until(() => {
      pass(1 * second)
      expect(credential.requests).toBeGreaterThan(5)
    })
    pass(15 * second)
    expect(await query).toMatchObject({ meta: { code: 'TOKEN_UNAVAILABLE' } })
  })

  it('while a server is waited for, makes the wait no longer', async () => {
    azure.gateway.inject({ at: 'login', action: { refuse: { number: 49918 } } })
    const { prisma, events } = azure.connect({ clock: local, random: () => 0 })
    const query = start(prisma.user.count())
    await events.nth(1, 'connect.retry')
    local.set(-3 * hour)
    pass(5 * second)
    await events.nth(2, 'connect.retry')
    azure.gateway.clearFaults()
    pass(10 * second)
    expect(await query).toBe(0)
  })
})

describe('the clock, set to and fro', () => {
  it('by hours, ten times: no storm', async () => {
    const { fifty, credential, adapter } = await connected(relative)
    for (let i = 0; i < 10; i++) {
      local.set(i % 2 === 0 ? 3 * hour : -3 * hour)
      await fifty()
    }
    expect(credential.requests).toBeLessThanOrEqual(3)
    expect(adapter.stats().rotations).toBeLessThanOrEqual(2)
    expect(azure.gateway.stats()).toMatchObject({ requestsAfterExpiry: 0, loginFailures: {} })
  })
})
