import { describe, expect, it } from 'vitest'
import type { RotationOptions } from '../../../src/index.ts'
import { useFaultyAzure } from './support.ts'
import { minute, second } from './time.ts'

const azure = useFaultyAzure()
const REFRESH = 50 * minute
const MAX = 10

/**
 * Has `busy` queries run at once, `idle` ms before the rotation, in which each login takes a while.
 *
 * @returns what the next generation had open when it took over
 */
async function rotate({ busy, idle = 10 * second, ...rotation }: RotationOptions & { busy: number; idle?: number }) {
  const { prisma, events } = azure.connect({ rotation: { spread: 0, ...rotation } }, { pool: { max: MAX } })
  await prisma.user.count()
  azure.clock.pass(REFRESH - idle)
  await Promise.all(Array.from({ length: busy }, () => prisma.$executeRaw`WAITFOR DELAY '00:00:00.200'`))
  azure.gateway.resetStats()
  azure.gateway.inject({ at: 'login', action: { delay: 100 } })
  azure.clock.pass(idle)
  return (await events.nth(1, 'rotation.finished')).connections
}

describe('the next generation', () => {
  it('is as warm as the old one was busy, and logs in no more than three at a time', async () => {
    expect(await rotate({ busy: 8 })).toBe(8)
    // One more is the probe.
    expect(azure.gateway.stats().logins).toBe(9)
    expect(azure.gateway.stats().mostLoggingIn).toBeLessThanOrEqual(3)
  })

  it.each([1, 5])('logs in no more at a time than it is told: %i', async (loginsAtOnce) => {
    expect(await rotate({ busy: 6, loginsAtOnce })).toBe(6)
    expect(azure.gateway.stats().logins).toBe(7)
    expect(azure.gateway.stats().mostLoggingIn).toBeLessThanOrEqual(loginsAtOnce)
  })

  it('is no warmer than that', async () => {
    expect(await rotate({ busy: 2 })).toBe(2)
    expect(azure.gateway.stats().logins).toBe(3)
  })

  it('has no connection where the old one was idle for a minute', async () => {
    expect(await rotate({ busy: 8, idle: 2 * minute })).toBe(0)
    expect(azure.gateway.stats().logins).toBe(1)
  })
})
