import { describe, expect, it } from 'vitest'
import { EntraError } from '../src/errors/entra-error.ts'
import { PrismaMssqlEntra } from '../src/index.ts'
import { FakeCredential } from './support/fake-credential.ts'
import { settle, VirtualClock } from './support/virtual-clock.ts'

function setUp({ eager = true, hang = true } = {}) {
  const clock = new VirtualClock()
  const credential = new FakeCredential(clock)
  if (hang) credential.answer('hang')
  else credential.answer(new EntraError('CONFIG_INVALID', 'There is no identity here.'))
  const adapter = new PrismaMssqlEntra('sqlserver://h', { credential, clock, eager, schema: 'app' })
  return { clock, credential, adapter }
}

describe('an eager adapter', () => {
  it('asks for a token as soon as it is made; one that is not asks for none', async () => {
    const eager = setUp()
    const lazy = setUp({ eager: false })
    await settle()
    expect([eager.credential.requests, lazy.credential.requests, lazy.clock.timers]).toEqual([1, 0, 0])
    await eager.adapter.dispose()
  })

  it('has Prisma Client wait for the warm-up that has begun, and asks once', async () => {
    const { adapter, clock, credential } = setUp()
    const failed = adapter.connect().catch((error: unknown) => error)
    await clock.advance(15_000)
    expect(await failed).toMatchObject({ code: 'P1000', cause: { code: 'TOKEN_UNAVAILABLE' } })
    expect([credential.mostInFlight, clock.timers]).toEqual([1, 0])
  })

  it('reports a failure in connect(), and nowhere else', async () => {
    const { adapter, clock, credential } = setUp({ hang: false })
    // An unhandled rejection would fail this file.
    await clock.advance(60_000)
    credential.answer(new EntraError('CONFIG_INVALID', 'There is still no identity here.'))
    const failed = adapter.connect().catch((error: unknown) => error)
    await clock.advance(20_000)
    expect(await failed).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('still no identity'),
    })
    expect(clock.timers).toBe(0)
  })
})

describe('warmUp()', () => {
  it('warms up once, however often it is called, and fails as a query would', async () => {
    const { adapter, clock, credential } = setUp({ eager: false })
    const both = Promise.allSettled([adapter.warmUp(), adapter.warmUp()])
    await clock.advance(15_000)
    for (const outcome of await both) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'P1000', cause: { code: 'TOKEN_UNAVAILABLE' } },
      })
    }
    expect(credential.mostInFlight).toBe(1)
    await adapter.dispose()
  })

  it('is ended by dispose(), and leaves nothing behind', async () => {
    const { adapter, clock, credential } = setUp({ eager: false })
    const warmUp = adapter.warmUp().catch((error: unknown) => error)
    await settle()
    await adapter.dispose()
    expect(await warmUp).toMatchObject({ code: 'CLOSED' })
    expect([credential.aborted, clock.timers]).toEqual([1, 0])
    await adapter.dispose()
  })

  it('begins again if it is called after that', async () => {
    const { adapter, clock, credential } = setUp()
    await settle()
    await adapter[Symbol.asyncDispose]()
    credential.answer('hang')
    const warmUp = adapter.warmUp().catch((error: unknown) => error)
    await settle()
    expect([credential.requests, credential.aborted]).toEqual([2, 1])
    await adapter.dispose()
    expect(await warmUp).toMatchObject({ code: 'CLOSED' })
    expect(clock.timers).toBe(0)
  })
})
