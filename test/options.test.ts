import { describe, expect, it } from 'vitest'
import { resolveTiming } from '../src/options.ts'

describe('the numbers of rotation', () => {
  it('have the documented defaults', () => {
    expect(resolveTiming({}, undefined)).toMatchObject({
      refreshFraction: 0.2,
      refreshMarginMin: 30_000,
      refreshMarginMax: 600_000,
      deadlineFraction: 0.05,
      deadlineMarginMin: 2_000,
      deadlineMarginMax: 120_000,
      maxAge: undefined,
      spread: 0.5,
      loginsAtOnce: 3,
      waitTimeout: 15_000,
      disconnectTimeout: 5_000,
    })
  })

  it('wait as long as the config’s connect timeout, unless told otherwise', () => {
    expect(resolveTiming({}, 4_000).waitTimeout).toBe(4_000)
    expect(resolveTiming({ waitTimeout: 9_000 }, 4_000).waitTimeout).toBe(9_000)
  })

  it.each([
    [{ spread: 1.1 }, /spread must be a number from 0 to 1, not 1.1/],
    [{ refreshFraction: -1 }, /refreshFraction/],
    [{ maxAge: 9_999 }, /maxAge must be a number of ms, at least 10000, not 9999/],
    [{ loginsAtOnce: 0 }, /loginsAtOnce/],
    [{ waitTimeout: Number.NaN }, /waitTimeout/],
    [{ disconnectTimeout: Number.POSITIVE_INFINITY }, /disconnectTimeout/],
  ])('%j is refused', (options, message) => {
    expect(() => resolveTiming(options, undefined)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })
})
