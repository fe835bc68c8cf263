import { describe, expect, it } from 'vitest'
import type { ClientConnection } from '../../src/client/client-connection.ts'
import type { PoolEvent, TokenEvent } from '../../src/events.ts'
import { Pool } from '../../src/pool/pool.ts'
import { defaultRotationTiming, poolSettings } from '../../src/pool/settings.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { FakeServer } from '../support/fake-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { HOUR, MINUTE } from './support.ts'

const TENANTS = 200
const SPREAD = 0.5

/** A pool for each tenant with one connection open; its chance differs evenly from one tenant to the next. */
async function tenants() {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const credential = new FakeCredential(clock, HOUR)
  const tokens: TokenEvent[] = []
  const source = new TokenSource(credential, {
    scope: 's',
    clock,
    timing: { refreshSpread: 0 },
    onEvent: (event) => tokens.push(event),
  })
  const settings = {
    ...poolSettings({ server: 'h', pool: { max: 1, min: 1 } }, { ...defaultRotationTiming, spread: SPREAD }),
  }
  const all = Array.from({ length: TENANTS }, (_, number) => {
    const events: PoolEvent[] = []
    const random = () => number / TENANTS
    const emit = (event: PoolEvent) => events.push(event)
    const context = { source, settings, clock, random, emit, onWait: () => {}, hasConnected: false }
    return { events, pool: new Pool<ClientConnection>(server.connect, context) }
  })
  const connected = Promise.all(all.map(({ pool }) => pool.connect()))
  await clock.advance(0)
  await connected
  return { clock, server, credential, source, tokens, all }
}

describe(`one token source shared by ${TENANTS} pools`, () => {
  it('requests one token per refresh', async () => {
    const { clock, server, credential } = await tenants()
    expect([credential.requests, server.open.size]).toEqual([1, TENANTS])
    await clock.advance(59 * MINUTE)
    expect([credential.requests, credential.mostInFlight, server.open.size]).toEqual([2, 1, TENANTS])
  })

  it('lets each pool rotate once, spread over the available time', async () => {
    const { clock, source, tokens, all } = await tenants()
    const first = await source.get()
    const timeAtHand = first.deadline - first.refreshAfter
    await clock.advance(59 * MINUTE)
    const acquired = tokens.filter(({ type }) => type === 'token.acquired')[1]?.at ?? Number.NaN
    for (const [number, { events }] of all.entries()) {
      const started = events.filter(({ type }) => type === 'rotation.started')
      expect(started).toHaveLength(1)
      const waited = (started[0]?.at ?? Number.NaN) - acquired
      expect(waited).toBeCloseTo((timeAtHand * SPREAD * number) / TENANTS, -3)
    }
  })

  it('keeps serving the others when one pool closes, and stops with the last', async () => {
    const { clock, server, credential, all } = await tenants()
    const [closed, ...others] = all
    await closed?.pool.close()
    await clock.advance(59 * MINUTE)
    expect([server.open.size, credential.requests]).toEqual([TENANTS - 1, 2])
    await Promise.all(others.map(({ pool }) => pool.close()))
    expect([server.open.size, clock.timers]).toEqual([0, 0])
  })
})
