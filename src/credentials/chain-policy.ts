/** Whom to ask for a token, in which order, and how long to wait for each: pure functions. All durations in ms. */

/** What matters of a credential here. */
export interface Asked {
  /** Whether a person has to do something first. */
  readonly interactive: boolean
}

/** How long a credential is waited for before the next one is asked too. */
const TURN = 5_000

/** All are asked within this time: less than work waits for a token by default. */
const ALL_ASKED_WITHIN = 10_000

/** How long the others are waited for before a person is troubled. */
const TURN_BEFORE_PROMPT = 30_000

/** How long a person is waited for before the next credential is asked. */
const TURN_OF_PROMPT = 120_000

/**
 * The order to ask in: the one that gave the last token, then the others as they are listed.
 *
 * @param serving - the index of the one that gave the last token
 */
export function askingOrder(count: number, serving: number | undefined): number[] {
  const listed = Array.from({ length: count }, (_, index) => index)
  return serving === undefined ? listed : [serving, ...listed.filter((index) => index !== serving)]
}

/**
 * How long to wait for a credential that does not answer before the next one is asked. The late one is not given up by
 * that: whichever answers first is taken.
 *
 * @param count - how many there are to ask
 */
export function turnOf(current: Asked, next: Asked, count: number): number {
  if (current.interactive) return TURN_OF_PROMPT
  return next.interactive ? TURN_BEFORE_PROMPT : Math.min(TURN, ALL_ASKED_WITHIN / (count - 1))
}
