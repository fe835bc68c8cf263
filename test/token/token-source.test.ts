import { channel } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import type { TokenEvent } from '../../src/events.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'
import { hour, minute, second, setUp } from './support.ts'

const throttled = (seconds: number) =>
  Object.assign(new Error('429'), {
    statusCode: 429,
    response: { status: 429, headers: new Map([['retry-after', String(seconds)]]) },
  })
const unavailable = () => Object.assign(new Error('no identity here'), { name: 'CredentialUnavailableError' })

describe('a token source', () => {
  it('requests nothing before its first use', async () => {
    const { clock, credential } = setUp()
    await clock.advance(hour)
    expect(credential.requests).toBe(0)
    expect(clock.timers).toBe(0)
  })

  it('makes one request for a hundred concurrent callers and keeps the lease', async () => {
    const { credential, source } = setUp()
    const leases = await Promise.all(Array.from({ length: 100 }, () => source.get()))
    expect(new Set(leases).size).toBe(1)
    expect(credential.requests).toBe(1)
    expect((await source.get()).token).toBe('token-1')
    expect(source.current).toBe(leases[0])
    expect(credential.requests).toBe(1)
  })

  it('refreshes ahead of time while it has a subscriber, and notifies it', async () => {
    const { clock, credential, source, events } = setUp()
    const heard: TokenEvent[] = []
    source.subscribe((event) => heard.push(event))
    await source.get()
    await clock.advance(50 * minute - 1)
    expect(credential.requests).toBe(1)
    await clock.advance(1)
    expect(credential.requests).toBe(2)
    expect(source.current?.token).toBe('token-2')
    expect(heard).toEqual(events)
    expect(events.at(-1)).toMatchObject({
      type: 'token.acquired',
      credential: 'FakeCredential',
      expiresOn: clock.now() + hour,
    })
    expect(events.at(-1)).not.toHaveProperty('failed')
    await clock.advance(24 * hour)
    expect(credential.requests).toBe(Math.floor((24 * 60 + 50) / 50) + 1)
    expect(credential.mostInFlight).toBe(1)
  })

  it('has no timer and makes no request after the last subscriber has left', async () => {
    const { clock, credential, source } = setUp()
    const leave = [source.subscribe(() => {}), source.subscribe(() => {})]
    await source.get()
    leave[0]?.()
    expect(clock.timers).toBe(1)
    leave[1]?.()
    expect(clock.timers).toBe(0)
    await clock.advance(24 * hour)
    expect(credential.requests).toBe(1)
  })

  it('aborts its request when the last subscriber leaves', async () => {
    const { clock, credential, source } = setUp()
    const leave = source.subscribe(() => {})
    await source.get()
    credential.answer('hang')
    await clock.advance(50 * minute)
    expect(credential.inFlight).toBe(1)
    leave()
    expect(credential.aborted).toBe(1)
    expect(clock.timers).toBeLessThanOrEqual(1)
  })

  it('does not call the credential if no caller is left', async () => {
    const { credential, source } = setUp()
    const stop = new AbortController()
    const waiting = expect(source.get({ signal: stop.signal })).rejects.toBe('enough')
    stop.abort('enough')
    await waiting
    await settle()
    expect(credential.requests).toBe(0)
  })

  it('leaves no timer behind from an aborted request', async () => {
    const { clock, credential, source } = setUp()
    credential.answer('hang')
    const waiting = expect(source.get({ timeout: second })).rejects.toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
    await clock.advance(second)
    await waiting
    expect(clock.timers).toBe(0)
  })

  it('without subscribers, refreshes a lease in the background when a caller takes it after its refresh time', async () => {
    const { clock, source } = setUp()
    await source.get()
    clock.jump(51 * minute)
    expect((await source.get()).token).toBe('token-1')
    await settle()
    expect((await source.get()).token).toBe('token-2')
  })

  it('waits for a new token once the deadline has passed', async () => {
    const { clock, credential, source } = setUp()
    await source.get()
    clock.jump(hour - 2 * minute)
    expect((await source.get()).token).toBe('token-2')
    expect(credential.requests).toBe(2)
  })

  it('recovers at once after a night’s sleep with one request', async () => {
    const { clock, credential, source } = setUp()
    source.subscribe(() => {})
    await source.get()
    clock.jump(10 * hour)
    const leases = await Promise.all(Array.from({ length: 100 }, () => source.get()))
    expect(new Set(leases.map(({ token }) => token))).toEqual(new Set(['token-2']))
    expect(credential.requests).toBe(2)
  })

  it('accepts the same token again and asks more often as expiry approaches', async () => {
    const { clock, credential, source, types } = setUp()
    source.subscribe(() => {})
    const first = await source.get()
    const same = { token: first.token, expiresOnTimestamp: first.expiresOn }
    credential.answer(same, same, same)
    await clock.advance(hour)
    expect(types().slice(1, 4)).toEqual(['token.unchanged', 'token.unchanged', 'token.unchanged'])
    expect(types()[4]).toBe('token.acquired')
    expect(source.current?.token).not.toBe(first.token)
  })
})

describe('a token request that fails', () => {
  it('leaves a valid token in place and is retried at growing intervals', async () => {
    const { clock, credential, source, events } = setUp()
    source.subscribe(() => {})
    const lease = await source.get()
    credential.answer(...Array.from({ length: 4 }, () => new Error('network down')))
    await clock.advance(50 * minute)
    expect(await source.get()).toBe(lease)
    await clock.advance(minute)
    expect(source.current?.token).toBe('token-6')
    const failures = events.filter(({ type }) => type === 'token.refresh-failed')
    expect(failures).toMatchObject([1, 2, 4, 8].map((s, i) => ({ attempt: i + 1, retryInMs: s * second })))
    expect(failures[0]).toMatchObject({ error: { code: 'TOKEN_REQUEST_FAILED', cause: { message: 'network down' } } })
    expect(source.stats()).toEqual({ tokensRequested: 6, tokensAcquired: 2, refreshesFailed: 4, waiting: 0 })
  })

  it('is not retried before Retry-After, even while work waits', async () => {
    const { clock, credential, source } = setUp()
    source.subscribe(() => {})
    credential.answer(throttled(10))
    const waiting = source.get({ timeout: minute })
    // A fifth more at most.
    await clock.advance(12 * second - 1)
    expect(credential.requests).toBe(1)
    await clock.advance(1)
    expect(credential.requests).toBe(2)
    expect((await waiting).token).toBe('token-2')
  })

  it('is retried within 2 s while work waits, however long the failures have lasted', async () => {
    const { clock, credential, source } = setUp()
    source.subscribe(() => {})
    await source.get()
    credential.answer(...Array.from({ length: 400 }, () => new Error('down')))
    await clock.advance(90 * minute)
    const before = credential.requests
    source.get({ timeout: minute }).catch(() => {})
    await clock.advance(20 * second)
    expect(credential.requests - before).toBeGreaterThanOrEqual(9)
    expect(credential.requests - before).toBeLessThanOrEqual(11)
  })

  it('is retried after a random 1 to 2 s while work waits, so a thousand processes do not ask at once', async () => {
    const requestsOfSixSeconds = async (random: number) => {
      const { clock, credential, source } = setUp({ random: () => random })
      credential.answer(...Array.from({ length: 10 }, () => new Error('down')))
      const waiting = source.get({ timeout: 6 * second }).catch(() => {})
      const times: number[] = []
      for (let elapsed = 0; elapsed < 6 * second; elapsed += 50) {
        await clock.advance(elapsed === 0 ? 0 : 50)
        while (times.length < credential.requests) times.push(elapsed)
      }
      await clock.advance(50)
      await waiting
      return times
    }
    // Doubling from 1 s, half of it by chance, until it is more than 2 s, half of them by chance.
    expect(await requestsOfSixSeconds(0)).toEqual([0, 500, 1_500, 2_500, 3_500, 4_500, 5_500])
    expect(await requestsOfSixSeconds(0.5)).toEqual([0, 750, 2_250, 3_750, 5_250])
    expect(await requestsOfSixSeconds(1)).toEqual([0, 1_000, 3_000, 5_000])
  })

  it('twice with 429 yields a token within 5 s, with and without Retry-After', async () => {
    for (const failure of [throttled(1), new Error('Too many requests')]) {
      const { clock, credential, source } = setUp()
      credential.answer(failure, failure)
      const waiting = source.get({ timeout: 5 * second })
      await clock.advance(5 * second)
      expect((await waiting).token).toBe('token-3')
    }
  })

  it('does not change the number of waiting callers', async () => {
    const { clock, credential, source } = setUp()
    credential.answer(new Error('down'))
    const waiting = Array.from({ length: 3 }, () => source.get())
    await settle()
    expect(source.stats().waiting).toBe(3)
    await clock.advance(second)
    await Promise.all(waiting)
    expect(source.stats().waiting).toBe(0)
  })

  it('gives a caller that waited too long the credential’s reason', async () => {
    const { clock, credential, source } = setUp()
    await source.get()
    credential.answer(...Array.from({ length: 40 }, () => new Error('network down')))
    clock.jump(2 * hour)
    const waiting = expect(source.get({ timeout: 5 * second })).rejects.toMatchObject({
      code: 'TOKEN_UNAVAILABLE',
      message: expect.stringContaining('network down'),
      cause: { code: 'TOKEN_REQUEST_FAILED' },
    })
    await clock.advance(5 * second)
    await waiting
    expect(clock.timers).toBe(0)
  })

  it('fails callers at once if the first request shows that none can succeed', async () => {
    const { clock, credential, source } = setUp()
    credential.answer(unavailable(), null)
    await expect(source.get()).rejects.toMatchObject({
      code: 'TOKEN_REQUEST_FAILED',
      cause: { message: 'no identity here' },
    })
    await clock.advance(minute)
    await expect(source.get()).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    await clock.advance(minute)
    expect((await source.get()).token).toBe('token-3')
  })

  it('is retried if the same failure follows a success', async () => {
    const { clock, credential, source } = setUp()
    await source.get()
    clock.jump(2 * hour)
    credential.answer(unavailable())
    const waiting = source.get()
    await clock.advance(2 * second)
    expect((await waiting).token).toBe('token-3')
  })

  it('is aborted when it hangs', async () => {
    const { clock, credential, source, events } = setUp({ requestTimeout: 5 * second })
    credential.answer('hang')
    const waiting = source.get({ timeout: minute })
    await clock.advance(5 * second)
    expect(events[0]).toMatchObject({ type: 'token.refresh-failed', error: { code: 'TOKEN_REQUEST_TIMEOUT' } })
    expect(credential.aborted).toBe(1)
    await clock.advance(2 * second)
    expect((await waiting).token).toBe('token-2')
  })
})

describe('several credentials', () => {
  class Second extends FakeCredential {}

  function setUpTwo() {
    const clock = new VirtualClock()
    const [first, second] = [new FakeCredential(clock), new Second(clock)]
    const events: TokenEvent[] = []
    const onEvent = (event: TokenEvent) => events.push(event)
    const source = new TokenSource([first, second], { scope: 'scope', clock, random: () => 1, onEvent })
    return { clock, first, second, source, events }
  }

  it('are asked in order, and the event names the one that answered and those that failed', async () => {
    const { first, source, events } = setUpTwo()
    first.answer(unavailable())
    expect((await source.get()).token).toBe('token-1')
    expect(events).toMatchObject([
      {
        type: 'token.acquired',
        credential: 'Second',
        failed: [{ credential: 'FakeCredential', reason: 'no identity here' }],
      },
    ])
  })

  it('replace one whose token has already expired', async () => {
    const { first, source, events } = setUpTwo()
    first.answer(first.token('stale', -second))
    expect((await source.get()).token).toBe('token-1')
    expect(events).toMatchObject([
      { credential: 'Second', failed: [{ reason: expect.stringContaining('expired 1 s ago') }] },
    ])
  })

  it('fail at once if none of them can ever succeed', async () => {
    const { clock, first, second, source, events } = setUpTwo()
    first.answer(unavailable())
    second.answer(null)
    await expect(source.get()).rejects.toMatchObject({
      code: 'CREDENTIALS_FAILED',
      message: expect.stringMatching(
        /\n- FakeCredential: no identity here\n- Second: The credential returned no token/,
      ),
    })
    expect(events).toMatchObject([{ type: 'token.refresh-failed' }])
    expect(clock.timers).toBe(0)
  })

  it('are asked again if one of them may succeed', async () => {
    const { clock, first, second: other, source } = setUpTwo()
    first.answer(unavailable(), unavailable())
    other.answer(new Error('network down'))
    const waiting = source.get()
    await clock.advance(2 * second)
    expect((await waiting).token).toBe('token-2')
    expect(other.requests).toBe(2)
  })

  it('are named in the timeout error: which have not answered, and why the others failed', async () => {
    const { clock, first, second: other, source } = setUpTwo()
    first.answer('hang')
    other.answer(new Error('network down'))
    const waiting = expect(source.get()).rejects.toMatchObject({
      code: 'TOKEN_UNAVAILABLE',
      message: expect.stringContaining(
        'No valid token was available within 15000 ms. No answer yet from FakeCredential.\n- Second: network down\n',
      ),
    })
    await clock.advance(15 * second)
    await waiting
    expect(clock.timers).toBe(0)
  })

  it('get more time if one of them asks a person', async () => {
    class DeviceCodeCredential extends FakeCredential {}
    const clock = new VirtualClock()
    const person = new DeviceCodeCredential(clock)
    const source = new TokenSource(person, { scope: 'scope', clock })
    person.answer('hang')
    source.get({ timeout: hour }).catch(() => {})
    await clock.advance(179 * second)
    expect(person.aborted).toBe(0)
    await clock.advance(second)
    expect(person.aborted).toBe(1)
    source.close()
  })
})

describe('a clock that is changed', () => {
  it('back by hours during a backoff, while work waits, does not postpone the next request repeatedly', async () => {
    const { clock, credential, source } = setUp()
    credential.answer(new Error('no'))
    const waiting = source.get()
    await settle()
    clock.set(-5 * hour)
    await clock.advance(second)
    const other = source.get()
    await clock.advance(3 * second)
    expect(await waiting).toBe(await other)
    expect(credential.requests).toBe(2)
  })

  it('back by an hour during a backoff does not lengthen the wait', async () => {
    const { clock, credential, source } = setUp()
    source.subscribe(() => {})
    credential.answer(new Error('down'))
    const waiting = source.get({ timeout: minute })
    await settle()
    clock.set(-hour)
    await clock.advance(2 * hour)
    await expect(waiting).resolves.toMatchObject({ token: 'token-2' })
    expect(credential.requests).toBeLessThan(6)
  })
})

describe('closing a token source', () => {
  it('rejects waiting callers, leaves no timer and returns no more tokens', async () => {
    const { clock, credential, source } = setUp()
    credential.answer('hang')
    const waiting = expect(source.get()).rejects.toMatchObject({ code: 'CLOSED' })
    await settle()
    source.close()
    await waiting
    expect(credential.aborted).toBe(1)
    await expect(source.get()).rejects.toMatchObject({ code: 'CLOSED' })
    expect(clock.timers).toBeLessThanOrEqual(1)
  })

  it('is not needed for an aborted wait to remove its timer and its request', async () => {
    const { clock, credential, source } = setUp()
    credential.answer('hang')
    const stop = new AbortController()
    const waiting = expect(source.get({ signal: stop.signal })).rejects.toBe('enough')
    await settle()
    stop.abort('enough')
    await waiting
    expect(credential.aborted).toBe(1)
    await expect(source.get({ signal: stop.signal })).rejects.toBe('enough')
    expect(clock.timers).toBeLessThanOrEqual(1)
  })
})

describe('token events', () => {
  it('are also published on node:diagnostics_channel', async () => {
    const { source } = setUp()
    const seen: unknown[] = []
    const listen = (event: unknown) => seen.push(event)
    channel('prisma-adapter-mssql-entra:token.acquired').subscribe(listen)
    await source.get()
    channel('prisma-adapter-mssql-entra:token.acquired').unsubscribe(listen)
    expect(seen).toMatchObject([{ type: 'token.acquired' }])
  })

  it('reach observers before they reach a pool, which may emit what follows from them', async () => {
    const { source } = setUp()
    const heard: string[] = []
    source.subscribe(({ type }) => heard.push(`pool: ${type}`))
    source.observe(({ type }) => heard.push(`observer: ${type}`))
    await source.get()
    expect(heard).toEqual(['observer: token.acquired', 'pool: token.acquired'])
  })

  it('still reach other listeners if one throws', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const { source } = setUp({
      onEvent: () => {
        throw new Error('listener broke')
      },
    })
    expect((await source.get()).token).toBe('token-1')
    await settle()
    process.off('warning', onWarning)
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('listener broke')])
  })
})

describe('a listener', () => {
  it('that fails asynchronously changes nothing and is reported as a warning', async () => {
    const warnings: Error[] = []
    const unhandled: unknown[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    const onUnhandled = (reason: unknown) => unhandled.push(reason)
    process.on('warning', onWarning)
    process.on('unhandledRejection', onUnhandled)
    const { source } = setUp({ onEvent: async () => Promise.reject(new Error('listener broke later')) })
    const leave = source.subscribe(async () => Promise.reject(Object.create(null)))
    expect((await source.get()).token).toBe('token-1')
    leave()
    // A rejection without a handler is told after the microtasks of its turn.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', onWarning)
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('listener broke later'),
      expect.stringContaining('token.acquired'),
    ])
  })
})

describe('the constructor of a token source', () => {
  it.each([
    ['a credential without getToken', {}, { scope: 's' }],
    ['no scope', { getToken: async () => null }, {}],
    ['an impossible timeout', { getToken: async () => null }, { scope: 's', requestTimeout: 0 }],
  ])('refuses %s', (_, credential, options) => {
    expect(() => new TokenSource(credential as never, options as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})

describe('a clock that is wrong', () => {
  const tokenThatSays = (exp: number) => `x.${Buffer.from(JSON.stringify({ exp: exp / 1000 })).toString('base64url')}.y`

  it('is reported when a new token reveals it', async () => {
    const { clock, credential, source, events } = setUp()
    credential.answer({ token: tokenThatSays(clock.now() - 2 * hour), expiresOnTimestamp: clock.now() + hour })
    await source.get()
    expect(events.at(-1)).toEqual({ type: 'clock.skew', at: clock.now(), skewMs: 3 * hour })
    await clock.advance(hour)
    credential.answer({ token: tokenThatSays(clock.now() + hour), expiresOnTimestamp: clock.now() + hour })
    await source.get()
    expect(events.filter(({ type }) => type === 'clock.skew')).toHaveLength(1)
  })

  it('and is set back does not make a token younger, unless the credential confirms it', async () => {
    const { clock, credential, source } = setUp()
    const first = await source.get()
    clock.set(-5 * hour)
    await clock.advance(hour)
    credential.answer({ token: first.token, expiresOnTimestamp: first.expiresOn })
    const again = await source.get()
    expect(credential.requests).toBe(2)
    expect(again.token).toBe(first.token)
    expect(again).not.toBe(first)
    expect(first.timeLeft).toBe(0)
    expect(again.timeLeft).toBe(5 * hour)
  })

  it('and is corrected lets waiting callers have the current token without another request', async () => {
    const { clock, credential, source } = setUp()
    const first = await source.get()
    clock.set(2 * hour)
    credential.answer(new Error('down'))
    const waiting = source.get({ timeout: minute })
    await clock.advance(100)
    clock.set(0)
    await clock.advance(2 * second)
    expect(await waiting).toBe(first)
    expect(credential.requests).toBe(2)
  })
})
