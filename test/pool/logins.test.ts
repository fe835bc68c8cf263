import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import type { Timer } from '../../src/time/clock.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { acquire, HOUR, MINUTE, numbers, setUp } from './support.ts'

const paused = () => new EntraError('DATABASE_UNAVAILABLE', 'Paused.', { number: 40613 })
const full = () => new EntraError('TOO_MANY_CONNECTIONS', 'Full.', { number: 10928 })
const missing = () => new EntraError('DATABASE_NOT_FOUND', 'There is no such database.', { number: 4060 })

/** What a piece of work fails with that waits for a connection; undefined if it gets one. */
const failing = ({ pool }: ReturnType<typeof setUp>): Promise<unknown> =>
  Promise.resolve(pool.acquire()).then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a login that fails', () => {
  it('is retried for all waiting work at once until a paused database has resumed', async () => {
    const it = setUp()
    it.server.onLogin = () => {
      throw paused()
    }
    const work = Array.from({ length: 5 }, () => Promise.resolve(it.pool.acquire()))
    await it.clock.advance(20_000)
    // Five at once, then one after 0.45, 0.9, 1.8, 3.6, 4.5 and 4.5 s.
    expect(it.server.logins).toBe(11)
    it.server.onLogin = () => {}
    await it.clock.advance(5_000)
    expect(new Set(numbers(await Promise.all(work))).size).toBe(5)
    const attempts = it.events.flatMap((event) => (event.type === 'connect.retry' ? [event.attempt] : []))
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  it('is the error of work that has waited for connectRetryTimeout', async () => {
    const it = setUp({ connectRetryTimeout: 60_000 })
    it.server.onLogin = () => {
      throw paused()
    }
    const failed = failing(it)
    await it.clock.advance(59_999)
    expect(it.pool.stats().waiting).toBe(1)
    await it.clock.advance(1)
    expect(await failed).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(it.pool.stats().waiting).toBe(0)
  })

  it('because its token ended before it began is made at once with the next token, which counts as no retry', async () => {
    const it = setUp({ connectRetryTimeout: 0 })
    const late = () => new EntraError('NOT_SENT', 'The token expired before the connection was opened.')
    it.server.onLogin = () => {
      it.server.onLogin = () => {}
      // Frozen: no timer runs.
      it.clock.jump(2 * HOUR)
      throw late()
    }
    const connection = await acquire(it)
    expect(connection.lease.isFresh).toBe(true)
    expect([it.server.logins, it.credential.requests]).toEqual([2, 2])
    expect(it.events.map(({ type }) => type)).toEqual(['connection.opened'])
  })

  it('because the process was frozen for hours is made again for the work that waits, whose time stood still', async () => {
    const it = setUp()
    it.server.loginTime = 100
    it.server.onLogin = () => {
      it.server.onLogin = () => {}
      throw new EntraError('LOGIN_TIMEOUT', 'No answer.')
    }
    const work = Promise.resolve(it.pool.acquire())
    await it.clock.advance(50)
    it.clock.jump(2 * HOUR)
    const next = Promise.resolve(it.pool.acquire())
    await it.clock.advance(1_000)
    for (const { lease } of await Promise.all([work, next])) expect(lease.isFresh).toBe(true)
  })

  it('is not begun again with a token that is still good, where connectRetryTimeout allows no retry', async () => {
    const it = setUp({ connectRetryTimeout: 0 })
    it.server.onLogin = () => {
      throw new EntraError('NOT_SENT', 'The connection was closed before the statement was sent.')
    }
    expect(await failing(it)).toMatchObject({ code: 'NOT_SENT' })
    expect([it.server.logins, it.credential.requests]).toEqual([1, 1])
  })

  it('permanently fails work at once and is not retried', async () => {
    const it = setUp()
    it.server.onLogin = () => {
      throw missing()
    }
    expect(await failing(it)).toMatchObject({ code: 'DATABASE_NOT_FOUND' })
    await it.clock.advance(60_000)
    expect(it.server.logins).toBe(1)
  })

  it('permanently is soon attempted only every two seconds, however much work arrives', async () => {
    const it = setUp()
    it.server.onLogin = () => {
      throw missing()
    }
    for (let n = 0; n < 100; n++) {
      Promise.resolve(it.pool.acquire()).catch(() => {})
      await it.clock.advance(100)
    }
    // After 0.45 and 0.9 s, and then every 1.8 to 2 s.
    expect(it.server.logins).toBeLessThanOrEqual(7)
  })

  it('permanently many times does not lengthen the wait for a database that pauses afterwards', async () => {
    const it = setUp()
    it.server.onLogin = () => {
      throw missing()
    }
    for (let n = 0; n < 10; n++) {
      await failing(it)
      await it.clock.advance(2_000)
    }
    it.server.onLogin = () => {
      throw paused()
    }
    const waiting = Promise.resolve(it.pool.acquire())
    await it.clock.advance(100)
    it.server.onLogin = () => {}
    await it.clock.advance(500)
    expect(numbers([await waiting])).toHaveLength(1)
  })

  it('because the database does not exist (4060) is retried if it existed before', async () => {
    const it = setUp()
    ;(await acquire(it)).drop()
    let left = 2
    it.server.onLogin = () => {
      if (left-- > 0) throw missing()
    }
    const work = acquire(it, 20_000)
    expect((await work).number).toBe(4)
  })

  it('leaves the work to the open connections', async () => {
    const it = setUp({ max: 10 })
    const connection = await acquire(it)
    it.server.onLogin = () => {
      throw full()
    }
    const waiting = Promise.resolve(it.pool.acquire())
    await it.clock.advance(1_000)
    it.pool.release(connection)
    expect(await waiting).toBe(connection)
  })

  it('is the error of work for which no connection was released in time', async () => {
    const it = setUp()
    await acquire(it)
    it.server.onLogin = () => {
      throw full()
    }
    const failed = failing(it)
    await it.clock.advance(65_000)
    expect(await failed).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' })
  })

  it('because of its token is retried once with another token', async () => {
    const it = setUp()
    const tokens: string[] = []
    it.server.onLogin = ({ token }) => {
      tokens.push(token)
      if (tokens.length < 2) throw new EntraError('TOKEN_REFUSED', 'It has expired.', { number: 18456 })
    }
    await acquire(it, 5_000)
    expect(tokens).toEqual(['token-1', 'token-2'])
  })

  it('because of its token a second time is the error of the work', async () => {
    const it = setUp()
    it.server.onLogin = () => {
      throw new EntraError('TOKEN_REFUSED', 'It is for another audience.', { number: 18456 })
    }
    const failed = failing(it)
    await it.clock.advance(5_000)
    expect(await failed).toMatchObject({ code: 'TOKEN_REFUSED' })
    expect([it.server.logins, it.credential.requests]).toEqual([2, 2])
  })
})

/** As on a real machine: time passes between two readings, and a timer may fire a little before its time. */
class RunningClock extends VirtualClock {
  readonly #step: number
  #passed = 0

  /** @param step - what passes with each reading, in ms */
  constructor(step: number) {
    super()
    this.#step = step
  }

  override monotonic(): number {
    this.#passed += this.#step
    return super.monotonic() + this.#passed
  }

  override setTimer(delay: number, callback: () => void): Timer {
    return super.setTimer(delay - 1, callback)
  }
}

describe('work that waits for a login', () => {
  it('gets one, whenever the backoff ends between two readings of the clock', async () => {
    for (let step = 0.01; step < 1; step += 0.01) {
      const it = setUp({ connectRetryInterval: 50 }, { clock: new RunningClock(step) })
      it.server.onLogin = () => {
        it.server.onLogin = () => {}
        throw paused()
      }
      await acquire(it, 1_000)
      expect(it.server.logins, `${step} ms`).toBe(2)
    }
  }, 20_000)

  it('is checked at intervals, without a busy loop, if connectRetryTimeout is 0', async () => {
    const it = setUp({ connectRetryTimeout: 0 })
    it.server.loginTime = 1_000
    let timers = 0
    const { setTimer } = it.clock
    it.clock.setTimer = (...timer) => {
      timers++
      return setTimer.apply(it.clock, timer)
    }
    await acquire(it, 1_000)
    expect(timers).toBeLessThan(10)
  }, 20_000)
})

describe('work that waits for a token', () => {
  it('waits for waitTimeout and fails with the reason', async () => {
    const it = setUp({ waitTimeout: 15_000 })
    it.credential.answer('hang')
    const failed = failing(it)
    await it.clock.advance(14_999)
    expect(it.pool.stats().waiting).toBe(1)
    await it.clock.advance(1)
    expect(await failed).toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
    expect(it.pool.stats()).toMatchObject({ waiting: 0, connecting: 0 })
    expect(it.clock.timers).toBe(0)
  })

  it('gets its full waitTimeout, however long other work has waited before it', async () => {
    const it = setUp({ waitTimeout: 15_000 })
    it.credential.answer('hang')
    const first = failing(it)
    await it.clock.advance(10_000)
    const second = failing(it)
    await it.clock.advance(5_000)
    expect(await first).toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
    expect(it.pool.stats().waiting).toBe(1)
    await it.clock.advance(10_000)
    expect(await second).toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
  })

  it('leaves the request for the next token under way between two logins that fail', async () => {
    const it = setUp()
    ;(await acquire(it)).drop()
    it.server.onLogin = () => {
      throw paused()
    }
    // Due for a refresh, and still good enough for a login.
    await it.clock.advance(52 * MINUTE)
    it.credential.answer(...Array.from({ length: 100 }, () => 'hang' as const))
    const failed = failing(it)
    await it.clock.advance(25_000)
    expect(it.server.logins).toBeGreaterThan(20)
    expect(it.credential.requests).toBe(2)
    await it.clock.advance(35_000)
    expect(await failed).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(it.clock.timers).toBe(0)
  })

  it('fails with the error of the database that it waited for first, even if its token expired meanwhile', async () => {
    const it = setUp({ waitTimeout: 15_000, connectRetryTimeout: 60_000 })
    await it.source.get()
    // The token ends after 58 minutes.
    await it.clock.advance(57 * MINUTE + 5_000)
    it.server.onLogin = () => {
      throw paused()
    }
    const failed = failing(it)
    await it.clock.advance(1_000)
    it.credential.answer(...Array.from({ length: 100 }, () => new Error('down')))
    await it.clock.advance(58_999)
    expect(it.pool.stats().waiting).toBe(1)
    await it.clock.advance(1)
    expect(await failed).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  })
})
