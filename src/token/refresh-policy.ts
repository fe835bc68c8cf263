/**
 * When to ask for tokens: pure functions of times. No clock, no timers; all times in ms since the epoch, all durations
 * in ms.
 */

/** The numbers of the policy. */
export interface RefreshTiming {
  /**
   * If the credential does not say when to refresh, the next token is asked for this share of the lifetime before
   * expiry, no less than `refreshMarginMin` and no more than `refreshMarginMax`.
   *
   * @defaultValue 0.2
   */
  refreshFraction: number
  /** In ms. @defaultValue 30_000 */
  refreshMarginMin: number
  /** In ms. @defaultValue 600_000 (10 min) */
  refreshMarginMax: number
  /**
   * The next token is asked for at a random moment of this share of the time from its refresh to the deadline, so that
   * instances that were started together do not go on asking together.
   *
   * @defaultValue 0.25
   */
  refreshSpread: number
  /**
   * The deadline is this share of the lifetime before expiry, no less than `deadlineMarginMin` and no more than
   * `deadlineMarginMax`. From then on new work waits for a new token.
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

/** How long at most, in ms, nothing is asked after too many requests, where it is not known what the authority asked for. */
const MAX_THROTTLED_WAIT = 10_000
/** What is added to a wait that the authority asked for, at most: it tells all of them the same. */
const RETRY_AFTER_SPREAD = 0.2
/** What is added where it is not known what it asked for, at most: the first two waits are 4.5 s together then. */
const THROTTLED_SPREAD = 0.5

const FIRST_RETRY = 1_000
const MAX_RETRY = 60_000
/** While work waits for a token, a failed request is made again after this long at the latest, in ms. */
const MAX_RETRY_ON_DEMAND = 2_000
const MAX_ASK_AGAIN = 300_000

/** The times of a token that the policy looks at. */
export interface TokenTimes {
  readonly acquiredAt: number
  readonly expiresOn: number
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}

/** When to ask for the next token where the credential does not say. */
export function defaultRefreshAfter(acquiredAt: number, expiresOn: number, timing: RefreshTiming): number {
  const lifetime = expiresOn - acquiredAt
  const margin = clamp(lifetime * timing.refreshFraction, timing.refreshMarginMin, timing.refreshMarginMax)
  return expiresOn - Math.min(margin, lifetime * SHORT_LIFE_REFRESH_SHARE)
}

/** The deadline: from then on new work waits for a new token. */
export function hardDeadline({ acquiredAt, expiresOn }: TokenTimes, timing: RefreshTiming): number {
  const lifetime = expiresOn - acquiredAt
  const margin = clamp(lifetime * timing.deadlineFraction, timing.deadlineMarginMin, timing.deadlineMarginMax)
  return expiresOn - Math.min(margin, lifetime * SHORT_LIFE_DEADLINE_SHARE)
}

/**
 * When to ask for the next token: at `refreshAfter`, or by chance later, in the part of the time before the deadline
 * that `refreshSpread` gives.
 *
 * @param random - from 0 to 1
 */
export function spreadRefresh(refreshAfter: number, token: TokenTimes, timing: RefreshTiming, random: number): number {
  return refreshAfter + Math.max(hardDeadline(token, timing) - refreshAfter, 0) * timing.refreshSpread * random
}

/** Whether new work may begin with this token. */
export function isFresh(token: TokenTimes, now: number, timing: RefreshTiming): boolean {
  return now < hardDeadline(token, timing)
}

/**
 * How long to wait before asking again after the credential gave the token it had given before: a quarter of the time
 * that is left before the deadline, so that the questions come closer as expiry nears.
 */
export function askAgainDelay(token: TokenTimes, now: number, timing: RefreshTiming): number {
  const lifetime = token.expiresOn - token.acquiredAt
  const left = hardDeadline(token, timing) - now
  return clamp(left / 4, Math.min(FIRST_RETRY, lifetime / 20), MAX_ASK_AGAIN)
}

/** A token with less time than this, in ms, shows a wrong clock. */
export const SHORTEST_LIFE = 2_000

/**
 * How long to wait before asking for yet another token, after one had to be replaced and another was had for it.
 *
 * @param timeLeft - of the token that was had, in ms
 */
export function againDelay(timeLeft: number): number {
  return clamp(timeLeft / 20, FIRST_RETRY / 2, 2 * FIRST_RETRY)
}

/**
 * How long nothing may be asked, whoever waits: the authority's `Retry-After`, and by chance up to a fifth more; or 1,
 * 2, 4, 8, 10 s, and by chance up to a half more, where too much was asked for and its word is not known; 0 for a
 * failure of another kind.
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
 * How long to wait after a failed request: doubling from 1 s to 60 s, with a random half taken off (so that many
 * processes do not come back together), and never less than `atLeast`. While a token at hand is at its end the wait is
 * no longer than a quarter of what is left, `atLeast` always excepted.
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
 * What is left of a wait while work waits for a token: 1 to 2 s at most, by chance, so that a thousand processes that
 * wait do not ask in the same moment.
 *
 * @param delay - of the wait, where nobody waits for its end, in ms
 * @param atLeast - of {@link throttledDelay}
 * @param random - from 0 to 1
 */
export function delayOnDemand(delay: number, atLeast: number, random: number): number {
  return Math.max(Math.min(delay, MAX_RETRY_ON_DEMAND * (0.5 + random / 2)), atLeast)
}
