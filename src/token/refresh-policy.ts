/** When to request tokens: pure functions. All times are in ms since the epoch, all durations in ms. */

/** The numbers of the policy. */
export interface RefreshTiming {
  /**
   * If the credential does not say when to refresh, the next token is requested this fraction of the lifetime before
   * expiry, at least `refreshMarginMin` and at most `refreshMarginMax` before it.
   *
   * @defaultValue 0.2
   */
  refreshFraction: number
  /** In ms. @defaultValue 30_000 */
  refreshMarginMin: number
  /** In ms. @defaultValue 600_000 (10 min) */
  refreshMarginMax: number
  /**
   * The next token is requested at a random moment within this fraction of the time from refresh to deadline, so that
   * instances that started at the same time spread their requests.
   *
   * @defaultValue 0.25
   */
  refreshSpread: number
  /**
   * The deadline is this fraction of the lifetime before expiry, at least `deadlineMarginMin` and at most
   * `deadlineMarginMax` before it. From then on new work waits for a new token.
   *
   * @defaultValue 0.05
   */
  deadlineFraction: number
  /** In ms. @defaultValue 2_000 */
  deadlineMarginMin: number
  /** In ms. @defaultValue 120_000 (2 min) */
  deadlineMarginMax: number
}

export const defaultRefreshTiming: RefreshTiming = {
  refreshFraction: 0.2,
  refreshMarginMin: 30_000,
  refreshMarginMax: 600_000,
  refreshSpread: 0.25,
  deadlineFraction: 0.05,
  deadlineMarginMin: 2_000,
  deadlineMarginMax: 120_000,
}

/** The largest share of a short life that a minimum margin may take: a token of 10 s still has 6 s before refresh. */
const SHORT_LIFE_REFRESH_SHARE = 0.4
const SHORT_LIFE_DEADLINE_SHARE = 0.1

/** How long before `expiresOn` the last statement is sent, in ms: one takes that long to reach a server far away. */
export const SEND_MARGIN = 100

/** The longest pause after throttling without a known `Retry-After`, in ms. */
const MAX_THROTTLED_WAIT = 10_000
/** The most that is added to `Retry-After`: the authority tells all processes the same. */
const RETRY_AFTER_SPREAD = 0.2
/** The most that is added without a known `Retry-After`: the first two waits then add up to 4.5 s. */
const THROTTLED_SPREAD = 0.5

const FIRST_RETRY = 1_000
const MAX_RETRY = 60_000
/** The longest pause after a failed request while work waits for a token, in ms. */
const MAX_RETRY_ON_DEMAND = 2_000
const MAX_ASK_AGAIN = 300_000

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}

/** When to ask for the next token if the credential does not say. */
export function defaultRefreshAfter(acquiredAt: number, expiresOn: number, timing: RefreshTiming): number {
  const lifetime = expiresOn - acquiredAt
  const margin = clamp(lifetime * timing.refreshFraction, timing.refreshMarginMin, timing.refreshMarginMax)
  return expiresOn - Math.min(margin, lifetime * SHORT_LIFE_REFRESH_SHARE)
}

/**
 * The deadline: from then on new work waits for a new token. It is never within {@link SEND_MARGIN} of expiry: work that
 * may begin on a connection but not send on it would be lent the same one again.
 */
export function deadlineOf(acquiredAt: number, expiresOn: number, timing: RefreshTiming): number {
  const lifetime = expiresOn - acquiredAt
  const margin = clamp(lifetime * timing.deadlineFraction, timing.deadlineMarginMin, timing.deadlineMarginMax)
  return expiresOn - Math.max(Math.min(margin, lifetime * SHORT_LIFE_DEADLINE_SHARE), SEND_MARGIN)
}

/**
 * When to ask for the next token: at a random moment from `refreshAfter` on, within the share of the time to the
 * deadline that `refreshSpread` gives.
 *
 * @param random - from 0 to 1
 */
export function spreadRefresh(refreshAfter: number, deadline: number, timing: RefreshTiming, random: number): number {
  return refreshAfter + Math.max(deadline - refreshAfter, 0) * timing.refreshSpread * random
}

/**
 * How long to wait before asking again after the credential gave the same token: a quarter of the time to the deadline,
 * so requests become more frequent as expiry nears.
 *
 * @param timeAtHand - until the deadline, in ms
 */
export function askAgainDelay(lifetime: number, timeAtHand: number): number {
  return clamp(timeAtHand / 4, Math.min(FIRST_RETRY, lifetime / 20), MAX_ASK_AGAIN)
}

/** A new token with less time than this, in ms, shows that the clock is wrong. */
export const SHORTEST_LIFE = 2_000

/**
 * How long to wait before asking for yet another token after a refused one was replaced.
 *
 * @param timeLeft - of the new token, in ms
 */
export function againDelay(timeLeft: number): number {
  return clamp(timeLeft / 20, FIRST_RETRY / 2, 2 * FIRST_RETRY)
}

/**
 * How long to pause after throttling, even while work waits: `Retry-After` plus up to a fifth at random; without it 1,
 * 2, 4, 8, then 10 s plus up to a half at random. 0 after any other failure.
 *
 * @param attempt - how many requests have failed in a row, 1 for the first
 * @param random - from 0 to 1
 */
export function throttledDelay(
  retryAfter: number | undefined,
  throttled: boolean,
  attempt: number,
  random: number,
): number {
  if (retryAfter !== undefined) return retryAfter * (1 + RETRY_AFTER_SPREAD * random)
  return throttled ? Math.min(doubled(attempt), MAX_THROTTLED_WAIT) * (1 + THROTTLED_SPREAD * random) : 0
}

/** The first wait, doubled with each attempt after the first. */
function doubled(attempt: number): number {
  return FIRST_RETRY * 2 ** Math.min(attempt - 1, 16)
}

/**
 * How long to wait after a failed request: doubling from 1 s to 60 s, less up to a half at random, so that many
 * processes do not come back together. It is at most a quarter of the current token's time, and at least `atLeast`.
 *
 * @param attempt - how many requests have failed in a row, 1 for the first
 * @param random - from 0 to 1
 * @param atLeast - of {@link throttledDelay}
 */
export function retryDelay(attempt: number, random: number, atLeast: number, timeLeft: number | undefined): number {
  const exponential = Math.min(doubled(attempt), MAX_RETRY)
  const bounded =
    timeLeft === undefined || timeLeft <= 0
      ? exponential
      : Math.min(exponential, Math.max(timeLeft / 4, FIRST_RETRY / 4))
  return Math.max(bounded * (0.5 + random / 2), atLeast)
}

/**
 * How long to wait if work waits for a token: at most 1 to 2 s, at random, so that a thousand waiting processes do not
 * ask at the same moment.
 *
 * @param delay - how long to wait otherwise, in ms
 * @param atLeast - of {@link throttledDelay}
 * @param random - from 0 to 1
 */
export function delayOnDemand(delay: number, atLeast: number, random: number): number {
  return Math.max(Math.min(delay, MAX_RETRY_ON_DEMAND * (0.5 + random / 2)), atLeast)
}
