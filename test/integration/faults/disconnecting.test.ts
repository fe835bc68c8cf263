import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FaultAction, Stage } from '../../../src/testing/index.ts'
import { useClientProcesses } from './client-process.ts'
import { MovableClock } from './movable-clock.ts'
import { failureOf, useFaultyAzure } from './support.ts'
import { minute, second, until } from './time.ts'
import { TroubledCredential } from './troubled-credential.ts'

const azure = useFaultyAzure()
const startProcess = useClientProcesses(azure)
const REFRESH = 50 * minute

/** The client's own, so that its timers can be counted. */
let clock: MovableClock
beforeEach(() => {
  azure.gateway.dropSessions()
  clock = new MovableClock(azure.clock.now())
})

const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
process.on('unhandledRejection', note)
afterEach(() => expect(unhandled).toEqual([]))
afterAll(() => {
  process.off('unhandledRejection', note)
})

/** A login that hangs is not given up within a test, unless told so. */
function client({ connectionTimeout = 10 * minute } = {}) {
  const credential = new TroubledCredential(() => azure.authority.issueToken())
  const rotation = { spread: 0, waitTimeout: 15 * second }
  return { ...azure.connect({ clock, credential, rotation }, { connectionTimeout }), credential }
}
type TestClient = ReturnType<typeof client>

/** Nothing of the client is left: no timer, and no socket that the gateway knows of. */
async function expectNothingLeft({ adapter }: TestClient): Promise<void> {
  expect(clock.timers).toBe(0)
  expect(adapter.stats()).toMatchObject({ generation: undefined, draining: [], connectionsOpen: 0, inFlight: 0 })
  await until(() => expect(azure.gateway.stats()).toMatchObject({ sessionsOpen: 0, loggingIn: 0 }))
}

const HANG: FaultAction = { hang: true }
const STAGES: Stage[] = ['accept', 'prelogin', 'tls', 'login']

describe('$disconnect during a rotation', () => {
  it('whose token request hangs', async () => {
    const made = client()
    await made.prisma.user.count()
    made.credential.trouble = 'hang'
    clock.pass(REFRESH)
    await until(() => expect(made.credential.requests).toBe(2))
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it.each(STAGES)('whose login hangs at %s', async (at) => {
    const made = client()
    await made.prisma.user.count()
    const fault = azure.gateway.inject({ at, action: HANG })
    clock.pass(REFRESH)
    await until(() => expect(fault.hits).toBe(1))
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it('that warms up', async () => {
    const made = client()
    await made.prisma.user.count()
    clock.pass(REFRESH - 10 * second)
    await Promise.all(Array.from({ length: 5 }, () => made.prisma.$executeRaw`WAITFOR DELAY '00:00:00.100'`))
    azure.gateway.resetStats()
    // The probe logs in; the first three connections of the pool do not.
    azure.gateway.inject({ at: 'login', action: { delay: 0 }, times: 1 })
    azure.gateway.inject({ at: 'login', action: HANG })
    clock.pass(10 * second)
    await until(() => expect(azure.gateway.stats()).toMatchObject({ loggingIn: 3, logins: 1 }))
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it('whose database is not available: nothing logs in any more', async () => {
    const made = client()
    await made.prisma.user.count()
    const fault = azure.gateway.inject({ at: 'login', action: { refuse: { number: 40613 } }, times: 1 })
    clock.pass(REFRESH)
    await until(() => expect(fault.hits).toBe(1))
    await made.prisma.$disconnect()
    const { connections } = azure.gateway.stats()
    // As long as the driver might wait before a login of its own.
    await new Promise((resolve) => setTimeout(resolve, 1 * second))
    expect(azure.gateway.stats().connections).toBe(connections)
    await expectNothingLeft(made)
  })
})

describe('a process', () => {
  it('that disconnects while a login hangs ends by itself, and does not wait for the connect timeout', async () => {
    azure.authority.tokenLifetime = 4 * second
    const process = startProcess()
    await process.connect({ connectionTimeout: 10 * minute })
    const fault = azure.gateway.inject({ at: 'login', action: HANG })
    await until(() => expect(fault.hits).toBeGreaterThan(0))
    expect(await process.disconnect()).toBe(0)
    azure.authority.tokenLifetime = 60 * minute
  })
})

describe('$disconnect while work waits', () => {
  it('for a token: it is told so', async () => {
    const made = client()
    await made.prisma.user.count()
    made.credential.trouble = new Error('no route to the endpoint')
    clock.pass(59 * minute)
    const waiting = failureOf(made.prisma.user.count())
    await until(() => expect(made.credential.requests).toBeGreaterThan(1))
    await made.prisma.$disconnect()
    expect(await waiting).toMatchObject({ code: 'CLOSED' })
    await expectNothingLeft(made)
  })

  it('for the server: it is told so', async () => {
    const made = client()
    await made.prisma.user.count()
    azure.gateway.inject({ at: 'accept', action: { reset: true } })
    azure.gateway.dropSessions()
    await until(() => expect(made.adapter.stats().connectionsOpen).toBe(0))
    const waiting = failureOf(made.prisma.user.count())
    await made.events.nth(1, 'connect.retry')
    await made.prisma.$disconnect()
    expect(await waiting).toMatchObject({ code: 'CLOSED' })
    await expectNothingLeft(made)
  })
})

describe('$disconnect during the first connect', () => {
  it('whose token request hangs', async () => {
    const made = client()
    made.credential.trouble = 'hang'
    const connecting = made.prisma.$connect()
    await until(() => expect(made.credential.requests).toBe(1))
    // Prisma Client lets a connect end before it disconnects, and both fail as the connect does.
    const ended = Promise.allSettled([connecting, made.prisma.$disconnect()])
    clock.pass(15 * second)
    await ended
    await expectNothingLeft(made)
  })

  it.each(STAGES)('whose login hangs at %s', async (at) => {
    const made = client({ connectionTimeout: 500 })
    const fault = azure.gateway.inject({ at, action: HANG })
    const connecting = made.prisma.$connect()
    const ended = Promise.allSettled([connecting, made.prisma.$disconnect()])
    await until(() => expect(fault.hits).toBe(1))
    clock.pass(1 * minute)
    await ended
    await expectNothingLeft(made)
  })
})

describe('connecting and disconnecting', () => {
  it('twice at once, and once more', async () => {
    const made = client()
    await made.prisma.user.count()
    await Promise.all([made.prisma.$disconnect(), made.prisma.$disconnect()])
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it('by turns, and connecting again while it disconnects', async () => {
    const made = client()
    for (let i = 0; i < 3; i++) {
      await made.prisma.$connect()
      expect(await made.prisma.user.count()).toBe(0)
      await made.prisma.$disconnect()
    }
    await Promise.all([made.prisma.$connect(), made.prisma.$connect()])
    const disconnecting = made.prisma.$disconnect()
    await made.prisma.$connect()
    await disconnecting
    expect(await made.prisma.user.count()).toBe(0)
    expect(azure.gateway.stats().sessionsOpen).toBe(1)
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
    expect(made.credential.requests).toBe(1)
  })

  it('by a hundred first queries at once: one token request, one connect', async () => {
    const made = client()
    const counts = await Promise.all(Array.from({ length: 100 }, () => made.prisma.user.count()))
    expect(counts).toEqual(Array.from({ length: 100 }, () => 0))
    expect(made.credential.requests).toBe(1)
    expect(made.events.of('generation.opened')).toMatchObject([{ generation: 1 }])
    // A probe, and the pool's ten.
    expect(azure.gateway.stats().connections).toBeLessThanOrEqual(11)
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })
})
