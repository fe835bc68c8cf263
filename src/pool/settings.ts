import type { config as MssqlConfig } from 'mssql'
import { type ConnectTiming, defaultConnectTiming } from '../connect/connect-policy.ts'

/**
 * When a connection is asked for a sign of life before it is lent: `after-idle` when it has not been used for
 * `validateAfter`, `always` or `never`.
 */
export type Validation = 'after-idle' | 'always' | 'never'

/** The numbers that a user of the adapter can set by its option `rotation`. All durations in ms. */
export interface RotationTiming extends ConnectTiming {
  /**
   * A connection older than this is replaced even if its token is good, as Django's `CONN_MAX_AGE` does: for rights
   * that changed, or a server that moved. In ms, 10_000 at least.
   *
   * @defaultValue off
   */
  maxAge: number | undefined
  /**
   * After a new token came, the rotation begins after a random part of this share of the time at hand, so that many
   * instances do not log in at the same second.
   *
   * @defaultValue 0.5
   */
  spread: number
  /** How many replacements log in at a time. @defaultValue 3 */
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
  /** A connection that was used within this is lent without asking it for a sign of life, in ms. @defaultValue 500 */
  validateAfter: number
}

export const defaultRotationTiming: RotationTiming = {
  ...defaultConnectTiming,
  maxAge: undefined,
  spread: 0.5,
  loginsAtOnce: 3,
  waitTimeout: 15_000,
  sessionsOutliveTokens: false,
  disconnectTimeout: 5_000,
  validateAfter: 500,
}

/** All that a pool goes by. */
export interface PoolSettings extends RotationTiming {
  /** The most connections at work or idle; a rotation opens `loginsAtOnce` more for a while. @defaultValue 10 */
  max: number
  /** Idle connections that stay open. @defaultValue 0 */
  min: number
  /** How long work waits while all connections are at work, in ms. @defaultValue 30_000 */
  poolTimeout: number
  /** After this time without work a connection is closed, in ms. @defaultValue 30_000 */
  maxIdleConnectionLifetime: number
  validation: Validation
}

/** The settings by an `mssql` config and the user's timing. */
export function poolSettings(config: MssqlConfig, timing: RotationTiming): PoolSettings {
  const { max = 10, min = 0, acquireTimeoutMillis = 30_000, idleTimeoutMillis = 30_000 } = config.pool ?? {}
  const { validateConnection } = config as { validateConnection?: unknown }
  const validation = validateConnection === true ? 'always' : validateConnection === false ? 'never' : 'after-idle'
  return {
    ...timing,
    max,
    min,
    poolTimeout: acquireTimeoutMillis,
    maxIdleConnectionLifetime: idleTimeoutMillis,
    validation,
  }
}
