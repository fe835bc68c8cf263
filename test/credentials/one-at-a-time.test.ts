import type { AccessToken } from '@azure/identity'
import { describe, expect, it } from 'vitest'
import { TokenSource } from '../../src/token/token-source.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const second = 1_000
const minute = 60 * second

/** A credential that heeds no signal, and answers when the test says so. */
function setUp() {
  const clock = new VirtualClock()
  const requests: { answer(token: AccessToken): void; fail(error: Error): void }[] = []
  const getToken = () => new Promise<AccessToken>((answer, fail) => requests.push({ answer, fail }))
  const source = new TokenSource({ getToken }, { scope: 'scope', clock, random: () => 1 })
  const token = (name: string) => ({ token: name, expiresOnTimestamp: clock.now() + 60 * minute })
  /** A wait for a token that ends without one after a second. */
  const giveUp = async () => {
    const waiting = expect(source.get({ timeout: second })).rejects.toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
    await clock.advance(second)
    await waiting
  }
  return { clock, requests, source, token, giveUp }
}

describe('a credential that ignores the signal', () => {
  it('is not asked again while it works on a request, however many callers stop waiting', async () => {
    const { requests, giveUp, clock } = setUp()
    for (let waits = 0; waits < 100; waits++) await giveUp()
    expect(requests).toHaveLength(1)
    expect(clock.timers).toBe(0)
  })

  it('is not asked again after the timeout of its request either', async () => {
    const { clock, requests, source } = setUp()
    const waiting = source.get({ timeout: 3 * minute })
    waiting.catch(() => {})
    await clock.advance(2 * minute)
    expect(source.stats().refreshesFailed).toBeGreaterThan(1)
    expect(requests).toHaveLength(1)
    source.close()
  })

  it('gives its late answer to the caller that is waiting then', async () => {
    const { requests, source, token, giveUp } = setUp()
    await giveUp()
    const waiting = source.get()
    await settle()
    requests[0]?.answer(token('late'))
    expect((await waiting).token).toBe('late')
    expect(requests).toHaveLength(1)
  })

  it('gives its late answer to a caller that arrives soon after', async () => {
    const { requests, source, token, giveUp, clock } = setUp()
    await giveUp()
    requests[0]?.answer(token('late'))
    await clock.advance(minute)
    expect((await source.get()).token).toBe('late')
    expect(requests).toHaveLength(1)
  })

  it.each<[string, (it: ReturnType<typeof setUp>) => unknown]>([
    ['fails late', (it) => it.requests[0]?.fail(new Error('aborted'))],
    [
      'answers late with a token that has expired since',
      (it) => it.requests[0]?.answer({ token: 'old', expiresOnTimestamp: 0 }),
    ],
    ['has not answered for 3 min after it was given up', (it) => it.clock.advance(3 * minute)],
  ])('is asked again if it %s', async (_, happens) => {
    const test = setUp()
    await test.giveUp()
    await happens(test)
    const waiting = test.source.get()
    await settle()
    expect(test.requests).toHaveLength(2)
    test.requests[1]?.answer(test.token('token-2'))
    expect((await waiting).token).toBe('token-2')
  })

  it('is asked again after 3 min, even while callers wait for it', async () => {
    const { clock, requests, source, giveUp } = setUp()
    await giveUp()
    source.get({ timeout: 10 * minute }).catch(() => {})
    await clock.advance(3 * minute - 2 * second)
    expect(requests).toHaveLength(1)
    await clock.advance(10 * second)
    expect(requests).toHaveLength(2)
    source.close()
  })
})
