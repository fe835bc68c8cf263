import { describe, expect, it } from 'vitest'
import { EntraError, type EntraErrorCode } from '../../src/errors/entra-error.ts'
import { anotherTokenMayHelp, replaceAgainAfter } from '../../src/token/held-leases.ts'
import { settle } from '../support/virtual-clock.ts'
import { hour, minute, second, setUp } from './support.ts'

const expired = new EntraError('TOKEN_REFUSED', 'The token has expired.', { number: 18456, state: 1 })
const unknownUser = new EntraError('PRINCIPAL_UNKNOWN', 'No user.', { number: 18456, state: 1 })

describe('a token that a server calls expired', () => {
  it('is replaced by another one, which all callers get from then on', async () => {
    const { credential, source } = setUp()
    const lease = await source.get()
    const next = await source.refused(lease, expired)
    expect(next?.token).toBe('token-2')
    expect(await source.get()).toBe(next)
    expect(credential.requests).toBe(2)
  })

  it('causes one token request, however many logins are refused with it', async () => {
    const { credential, source } = setUp()
    const lease = await source.get()
    const answers = await Promise.all(Array.from({ length: 50 }, () => source.refused(lease, expired)))
    expect(new Set(answers)).toEqual(new Set([source.current]))
    expect((await source.refused(lease, expired))?.token).toBe('token-2')
    expect(credential.requests).toBe(2)
  })

  it('is still given to other callers until another one arrives', async () => {
    const { credential, source, clock } = setUp()
    const lease = await source.get()
    credential.answer(new Error('down'))
    const replacement = source.refused(lease, expired)
    await settle()
    expect(await source.get()).toBe(lease)
    expect(source.current).toBe(lease)
    await clock.advance(2 * second)
    expect((await replacement)?.token).toBe('token-3')
  })

  it('does not count as new if the credential returns it again, and causes no loop of requests', async () => {
    const { clock, credential, source, types } = setUp()
    const leave = source.subscribe(() => {})
    const lease = await source.get()
    const answer = { token: lease.token, expiresOnTimestamp: lease.expiresOn }
    credential.answer(...Array.from({ length: 100 }, () => answer))
    expect(await source.refused(lease, expired)).toBeUndefined()
    expect(types()).toEqual(['token.acquired', 'token.unchanged'])
    expect(source.current).toBe(lease)
    for (let refusals = 0; refusals < 100; refusals++) {
      expect(await source.refused(lease, expired)).toBeUndefined()
      await clock.advance(2 * second)
    }
    expect(credential.requests).toBe(2)
    expect(source.stats().tokensAcquired).toBe(1)
    leave()
    expect(clock.timers).toBe(0)
  })

  it('does not count as new if the credential returns it after another one', async () => {
    const { clock, credential, source, types } = setUp()
    const lease = await source.get()
    const next = await source.refused(lease, expired)
    source.subscribe(() => {})
    credential.answer({ token: lease.token, expiresOnTimestamp: lease.expiresOn })
    await clock.advance(50 * minute)
    expect(types()).toEqual(['token.acquired', 'token.acquired', 'token.unchanged'])
    expect(source.current).toBe(next)
  })

  it('is used again if the credential has no other', async () => {
    const { clock, credential, source, types } = setUp()
    const lease = await source.get()
    credential.answer({ token: 'short', expiresOnTimestamp: clock.now() + minute })
    expect((await source.refused(lease, expired))?.token).toBe('short')
    clock.jump(2 * minute)
    credential.answer({ token: lease.token, expiresOnTimestamp: lease.expiresOn })
    expect(await source.get()).toBe(lease)
    expect(types()).toEqual(['token.acquired', 'token.acquired', 'token.unchanged'])
  })

  it('is kept without an error if no other arrives in time, while the request continues in the background', async () => {
    const { clock, credential, source } = setUp()
    source.subscribe(() => {})
    const lease = await source.get()
    credential.answer(...Array.from({ length: 4 }, () => new Error('down')))
    const replacement = source.refused(lease, expired, { timeout: 3 * second })
    await clock.advance(3 * second)
    expect(await replacement).toBeUndefined()
    expect(source.stats().waiting).toBe(0)
    await clock.advance(2 * minute)
    expect(source.current?.token).not.toBe(lease.token)
  })

  it('does not make other pools rotate repeatedly if the server refuses each new one', async () => {
    const { clock, credential, source } = setUp()
    source.subscribe(() => {})
    await source.get()
    for (let refusals = 0; refusals < 1_800; refusals++) {
      await source.refused(await source.get(), expired)
      await clock.advance(2 * second)
    }
    expect(credential.requests).toBeLessThanOrEqual(13)
    expect(credential.requests).toBeGreaterThan(10)
  })

  it('is waited on only until the source closes or the signal aborts', async () => {
    const { credential, source } = setUp()
    const lease = await source.get()
    credential.answer('hang')
    const stop = new AbortController()
    const stopped = source.refused(lease, expired, { signal: stop.signal })
    const closed = source.refused(lease, expired)
    await settle()
    expect(source.stats().waiting).toBe(2)
    stop.abort('enough')
    await expect(stopped).rejects.toBe('enough')
    source.close()
    await expect(closed).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(source.refused(lease, expired)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('a database in which the principal has no user', () => {
  it('causes no request or rotation for the 49 other pools of the source', async () => {
    const run = async (refusals: boolean) => {
      const { clock, credential, source } = setUp()
      let rotations = 0
      const tenants = Array.from({ length: 50 }, () =>
        source.subscribe(({ type }) => {
          if (type === 'token.acquired') rotations++
        }),
      )
      await source.get()
      for (let elapsed = 0; elapsed < 6 * hour; elapsed += 2 * second) {
        const lease = await source.get()
        if (refusals) expect(await source.refused(lease, unknownUser)).toBeUndefined()
        await clock.advance(2 * second)
      }
      for (const leave of tenants) leave()
      return { requests: credential.requests, rotations }
    }
    expect(await run(true)).toEqual(await run(false))
  })
})

describe('a request for another token', () => {
  it.each<[EntraErrorCode, boolean]>([
    ['TOKEN_REFUSED', true],
    ['SESSION_TOKEN_EXPIRED', true],
    ['PRINCIPAL_UNKNOWN', false],
    ['LOGIN_FAILED', false],
    ['DATABASE_NOT_FOUND', false],
  ])('after %s may help: %s', (code, expected) => {
    expect(anotherTokenMayHelp(new EntraError(code, 'No.', { number: 18456 }))).toBe(expected)
  })

  it('does not help after an error that is not an EntraError', () => {
    expect(anotherTokenMayHelp(Object.assign(new Error('no'), { code: 'TOKEN_REFUSED' }))).toBe(false)
  })

  it('is made at most every 5 min, or every half of a short lifetime', () => {
    expect([24 * hour, hour, 10 * second].map(replaceAgainAfter)).toEqual([5 * minute, 5 * minute, 5 * second])
  })
})
