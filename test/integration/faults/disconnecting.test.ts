import type { AccessToken } from '@azure/identity'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FaultAction, Stage } from '../../../src/testing/index.ts'
import { countingClock } from '../../support/counting-clock.ts'
import { useClientProcesses } from './client-process.ts'
import { FaultyCredential } from './faulty-credential.ts'
import { failureOf, hold, rotatesOnce, useFaultyAzure } from './support.ts'
import { minute, second, until } from './time.ts'

const azure = useFaultyAzure()
const startProcess = useClientProcesses(azure)

beforeEach(() => {
  azure.gateway.dropSessions()
})

const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
process.on('unhandledRejection', note)
afterEach(() => expect(unhandled).toEqual([]))
afterAll(() => {
  process.off('unhandledRejection', note)
})

const issued = (): Promise<AccessToken> => azure.authority.issueToken()

/** A client with counted timers. By default a hanging login does not time out within a test. */
function client({ connectionTimeout = 10 * minute, waitTimeout = 15 * second } = {}, give = issued) {
  const clock = countingClock()
  const credential = new FaultyCredential(give)
  const rotation = { waitTimeout, connectRetryInterval: 50 }
  return { ...azure.connect({ clock, credential, rotation }, { connectionTimeout }), credential, clock }
}

/** A client that rotates soon after `rotate`: its second token waits for that. */
function rotating() {
  let rotate = () => {}
  const ready = new Promise<void>((resolve) => {
    rotate = resolve
  })
  const credential = rotatesOnce(azure, ready)
  return { ...client({}, () => credential.getToken()), rotate: () => rotate() }
}
type TestClient = ReturnType<typeof client>

/** Expects that the client left nothing behind: no timer, and no socket at the gateway. */
async function expectNothingLeft({ adapter, clock }: TestClient): Promise<void> {
  expect(clock.timers).toBe(0)
  expect(adapter.stats()).toMatchObject({ connectionsOpen: 0, connecting: 0, inFlight: 0, waiting: 0 })
  await until(() => expect(azure.gateway.stats()).toMatchObject({ sessionsOpen: 0, loggingIn: 0 }))
}

const HANG: FaultAction = { hang: true }
const STAGES: Stage[] = ['accept', 'prelogin', 'tls', 'login']

describe('$disconnect during a rotation', () => {
  it('leaves nothing behind if the token request hangs', async () => {
    const made = rotating()
    await made.prisma.user.count()
    made.credential.fault = 'hang'
    await until(() => expect(made.credential.requests).toBe(2))
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it.each(STAGES)('leaves nothing behind if the login hangs at %s', async (at) => {
    const made = rotating()
    await made.prisma.user.count()
    const fault = azure.gateway.inject({ at, action: HANG })
    made.rotate()
    await until(() => expect(fault.hits).toBe(1))
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it('leaves nothing behind if several replacements are opening', async () => {
    const made = rotating()
    const release = await hold(made, 5)
    const fault = azure.gateway.inject({ at: 'login', action: HANG })
    made.rotate()
    await until(() => expect(fault.hits).toBe(3))
    await release()
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it('leaves no login pending if a login was refused', async () => {
    const made = rotating()
    await made.prisma.user.count()
    azure.gateway.inject({ at: 'login', action: { refuse: { number: 40613 } } })
    made.rotate()
    const { retryInMs } = await made.events.nth(1, 'rotation.failed')
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
    const { connections } = azure.gateway.stats()
    await new Promise((resolve) => setTimeout(resolve, retryInMs))
    expect(azure.gateway.stats().connections).toBe(connections)
  })
})

describe.skipIf(process.platform === 'win32')('a process that disconnects while a login hangs', () => {
  it('exits without waiting for the connect timeout', async () => {
    azure.authority.tokenLifetime = 4 * second
    const process = startProcess()
    await process.connect({ connectionTimeout: 10 * minute, pool: { min: 1 } })
    const fault = azure.gateway.inject({ at: 'login', action: HANG })
    await until(() => expect(fault.hits).toBeGreaterThan(0))
    expect(await process.disconnect()).toBe(0)
  })
})

describe('$disconnect while work waits', () => {
  it('for a token ends that work with CLOSED', async () => {
    const made = client({}, () => azure.authority.issueToken({ lifetime: 3 * second }))
    await made.prisma.user.count()
    made.credential.fault = new Error('no route to the endpoint')
    await made.events.nth(1, 'connection.closed')
    const waiting = failureOf(made.prisma.user.count())
    await until(() => expect(made.adapter.stats().waiting).toBe(1))
    await made.prisma.$disconnect()
    expect(await waiting).toMatchObject({ code: 'CLOSED' })
    await expectNothingLeft(made)
  })

  it('for the server ends that work with CLOSED', async () => {
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

/** Prisma Client waits for a connect before it disconnects, and both fail with the connect's error. */
describe('$disconnect during the first connect', () => {
  it('leaves nothing behind if the token request hangs', async () => {
    const made = client({ waitTimeout: 300 })
    made.credential.fault = 'hang'
    const connecting = made.prisma.$connect()
    await until(() => expect(made.credential.requests).toBe(1))
    await Promise.allSettled([connecting, made.prisma.$disconnect()])
    await expectNothingLeft(made)
  })

  it.each(STAGES)('leaves nothing behind if the login hangs at %s', async (at) => {
    const made = client({ connectionTimeout: 300 })
    const fault = azure.gateway.inject({ at, action: HANG, times: 1 })
    const connecting = made.prisma.$connect()
    const ended = Promise.allSettled([connecting, made.prisma.$disconnect()])
    await until(() => expect(fault.hits).toBe(1))
    await ended
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })
})

describe('connecting and disconnecting', () => {
  it('twice at the same time, and once more, leaves nothing behind', async () => {
    const made = client()
    await made.prisma.user.count()
    await Promise.all([made.prisma.$disconnect(), made.prisma.$disconnect()])
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })

  it('in turn and at the same time works with one token', async () => {
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
    await until(() => expect(azure.gateway.stats().sessionsOpen).toBe(1))
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
    expect(made.credential.requests).toBe(1)
  })

  it('with a hundred first queries at once requests one token and opens at most max connections', async () => {
    const made = client()
    const counts = await Promise.all(Array.from({ length: 100 }, () => made.prisma.user.count()))
    expect(counts).toEqual(Array.from({ length: 100 }, () => 0))
    expect(made.credential.requests).toBe(1)
    expect(azure.gateway.stats().connections).toBeLessThanOrEqual(10)
    await made.prisma.$disconnect()
    await expectNothingLeft(made)
  })
})
