import { describe, expect, it } from 'vitest'
import type { FaultAction, GatewayFault } from '../../../src/testing/index.ts'
import { failureOf, useFaultyAzure } from './support.ts'
import { minute, second, until } from './time.ts'

const azure = useFaultyAzure()

/** When the refresh is due, and how long it is until the hard window from then on. */
const REFRESH = 50 * minute
const TIME_AT_HAND = 8 * minute

const refuse = (number: number, message?: string): FaultAction => ({ refuse: { number, ...(message && { message }) } })
const FIREWALL =
  "Cannot open server 'myserver' requested by the login. Client with IP address '203.0.113.7' is not allowed to access " +
  'the server.'

describe('a next generation that cannot connect', () => {
  it.each<[string, GatewayFault, RegExp]>([
    ['the database is not available', { at: 'login', action: refuse(40613) }, /40613/],
    ['the firewall is closed', { at: 'login', action: refuse(40615, FIREWALL) }, /203\.0\.113\.7.*40615/s],
    ['logins are cut off', { at: 'login', action: { drop: true } }, /No connection to the server/],
    ['connections are reset', { at: 'accept', action: { reset: true } }, /No connection to the server/],
  ])('leaves the old one in use, and is tried again and again: %s', async (_, fault, message) => {
    const { prisma, adapter, events } = azure.connect({ random: () => 0, rotation: { spread: 0 } })
    await prisma.user.count()
    const outage = azure.gateway.inject(fault)
    azure.clock.pass(REFRESH)
    for (const [attempt, retryInMs] of [
      [1, 0.5 * second],
      [2, 1 * second],
      [3, 2 * second],
      [4, 4 * second],
    ] as const) {
      const failed = await events.nth(attempt, 'rotation.failed')
      expect(failed).toMatchObject({ from: 1, reason: 'token', retryInMs })
      expect(failed.error.message).toMatch(message)
      expect(await prisma.user.count()).toBe(0)
      azure.clock.pass(retryInMs)
    }
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, rotations: 0, generation: { id: 1 } })

    outage.clear()
    azure.clock.pass(1 * minute)
    expect(await events.nth(1, 'rotation.finished')).toMatchObject({ from: 1, to: 2 })
    expect(await prisma.user.count()).toBe(0)
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, rotations: 1, generation: { id: 2 } })
  })

  it('by its deadline makes new work wait, which then says why; and works when the server is back', async () => {
    const { prisma, adapter, events } = azure.connect({ rotation: { spread: 0 } })
    await prisma.user.count()
    const outage = azure.gateway.inject({ at: 'login', action: { drop: true } })
    azure.clock.pass(REFRESH)
    await events.nth(1, 'rotation.failed')
    azure.clock.pass(TIME_AT_HAND)
    const waiting = failureOf(prisma.user.count())
    await until(() => {
      azure.clock.pass(10 * second)
      expect(events.of('connect.retry').length).toBeGreaterThan(2)
    })
    azure.clock.pass(1 * minute)
    expect(await waiting).toMatchObject({ code: 'P1001' })
    expect(adapter.stats().tokensAcquired).toBe(2)

    outage.clear()
    azure.clock.pass(2 * second)
    expect(await prisma.user.count()).toBe(0)
    expect(adapter.stats()).toMatchObject({ tokensAcquired: 2, generation: { id: 2 } })
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)
  })

  it('for the firewall fails new work at its deadline, with the address to let in', async () => {
    const { prisma, events } = azure.connect({ rotation: { spread: 0 } })
    await prisma.user.count()
    azure.gateway.inject({ at: 'login', action: refuse(40615, FIREWALL) })
    azure.clock.pass(REFRESH)
    await events.nth(1, 'rotation.failed')
    azure.clock.pass(TIME_AT_HAND)
    expect(await failureOf(prisma.user.count())).toMatchObject({
      meta: { code: 'FIREWALL' },
      message: expect.stringMatching(/203\.0\.113\.7.*40615/s),
    })
  })
})
