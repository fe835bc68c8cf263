/** When to rotate: pure functions of times. All times in ms since the epoch, all durations in ms. */

import { type ConnectTiming, defaultConnectTiming } from '../connect/connect-policy.ts'

/** The numbers of rotation. */
export interface RotationTiming extends ConnectTiming {
  /**
   * A generation older than this is replaced even if its token is good, as Django's `CONN_MAX_AGE` does: for rights
   * that changed, or a server that moved. In ms.
   *
   * @defaultValue off
   */
  maxAge: number | undefined
  /**
   * After a new token was had, the rotation begins after a random part of this share of the time at hand, so that many
   * instances do not log in at the same second.
   *
   * @defaultValue 0.5
   */
  spread: number
  /** How many connections of the next generation log in at a time. @defaultValue 3 */
  loginsAtOnce: number
  /** How long work and `$connect` wait for a valid token, in ms. @defaultValue the config's connect timeout */
  waitTimeout: number
  /**
   * Lets statements and transactions that are still running when their connection's token expires go on, for as long
   * as the server does. New work never begins on such a connection. For reports and transactions that take longer
   * than a token has left after its refresh, where a session may outlive its proof of identity.
   *
   * @defaultValue false
   */
  sessionsOutliveTokens: boolean
  /** How long `$disconnect` lets running work go on before it cuts the connections, in ms. @defaultValue 5_000 */
  disconnectTimeout: number
}

export const defaultRotationTiming: RotationTiming = {
  ...defaultConnectTiming,
  maxAge: undefined,
  spread: 0.5,
  loginsAtOnce: 3,
  waitTimeout: 15_000,
  sessionsOutliveTokens: false,
  disconnectTimeout: 5_000,
}

/**
 * How long to wait with the rotation after a new token was had.
 *
 * @param timeAtHand - until the current generation's hard window
 * @param random - from 0 to 1
 */
export function rotationDelay(timeAtHand: number, spread: number, random: number): number {
  return Math.max(timeAtHand, 0) * spread * random
}

/** How long a generation lives under `maxAge`: up to a tenth is taken off at random, so that instances drift apart. */
export function maxAgeDelay(maxAge: number, random: number): number {
  return maxAge * (1 - random / 10)
}
