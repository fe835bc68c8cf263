import type { GatewayRule } from './rules.ts'

/** A request that arrived after the expiry of its session's token. */
export interface LateRequest {
  /** In ms since the epoch. */
  at: number
  /** How long after the expiry, in ms. */
  lateBy: number
  /** The beginning of its SQL; empty for a request without, such as a COMMIT. */
  sql: string
}

/** What a gateway has seen since it was started, or since `resetStats()`. */
export interface GatewayStats {
  /** TCP connections accepted. */
  connections: number
  /** Logins that the server accepted. */
  logins: number
  /** Logins refused, by error number; `0` for those that ended without an answer. */
  loginFailures: Record<number, number>
  /** Logins that were sent to another server. */
  redirects: number
  /** Connections that were closed because the client broke a rule, by rule. */
  hungUp: Partial<Record<GatewayRule, number>>
  /** Requests: SQL batches, RPCs, transaction manager requests, bulk loads. Attention is not counted. */
  requests: number
  /** Requests that arrived after the expiry of their session's token, whether or not that was enforced. */
  requestsAfterExpiry: number
  /** The first 20 of them. */
  lateRequests: readonly LateRequest[]
  /** The least time that was left on a session's token when a request came, in ms; below 0 if it had expired. */
  leastTimeLeft: number | undefined
  /** Messages of clients from the first PRELOGIN on, each of which waits for an answer. */
  roundTrips: number
  /** Bytes from and to clients, as they crossed the network, of connections that have ended. */
  bytesIn: number
  bytesOut: number
  /** Connections that are not logged in yet. */
  loggingIn: number
  /** The most at once. */
  mostLoggingIn: number
  /** Sessions that are logged in now. */
  sessionsOpen: number
  /** The most at once. */
  mostSessionsOpen: number
}

/** How many late requests are kept. */
const KEPT = 20

export class GatewayStatistics {
  #stats = emptyStats()

  connected(): void {
    this.#stats.connections++
    this.#stats.loggingIn++
    this.#stats.mostLoggingIn = Math.max(this.#stats.mostLoggingIn, this.#stats.loggingIn)
  }

  /** A connection's login is over, however it ended. */
  loginEnded(): void {
    this.#stats.loggingIn--
  }

  loggedIn(): void {
    this.#stats.logins++
    this.#stats.sessionsOpen++
    this.#stats.mostSessionsOpen = Math.max(this.#stats.mostSessionsOpen, this.#stats.sessionsOpen)
  }

  loggedOut(): void {
    this.#stats.sessionsOpen--
  }

  loginFailed(number: number): void {
    this.#stats.loginFailures[number] = (this.#stats.loginFailures[number] ?? 0) + 1
  }

  redirected(): void {
    this.#stats.redirects++
  }

  hungUp(rule: GatewayRule): void {
    this.#stats.hungUp[rule] = (this.#stats.hungUp[rule] ?? 0) + 1
  }

  /**
   * @param timeLeft - on the session's token, in ms
   * @param at - in ms since the epoch
   */
  request(timeLeft: number, at: number, payload: Buffer): void {
    const { leastTimeLeft, lateRequests } = this.#stats
    this.#stats.requests++
    if (timeLeft <= 0) {
      this.#stats.requestsAfterExpiry++
      const late = { at, lateBy: -timeLeft, sql: sqlOf(payload) }
      if (lateRequests.length < KEPT) this.#stats.lateRequests = [...lateRequests, late]
    }
    if (leastTimeLeft === undefined || timeLeft < leastTimeLeft) this.#stats.leastTimeLeft = timeLeft
  }

  roundTrip(): void {
    this.#stats.roundTrips++
  }

  /** A connection has ended that carried this much. */
  transferred(bytesIn: number, bytesOut: number): void {
    this.#stats.bytesIn += bytesIn
    this.#stats.bytesOut += bytesOut
  }

  /** Resets the counts, except those of open connections and sessions. */
  reset(): void {
    const { loggingIn, sessionsOpen } = this.#stats
    const open = { loggingIn, mostLoggingIn: loggingIn, sessionsOpen, mostSessionsOpen: sessionsOpen }
    this.#stats = { ...emptyStats(), ...open }
  }

  snapshot(): GatewayStats {
    const { loginFailures, hungUp } = this.#stats
    return { ...this.#stats, loginFailures: { ...loginFailures }, hungUp: { ...hungUp } }
  }
}

/** The first text with a space at the beginning of a request: its SQL is UTF-16, between headers and names of parameters. */
function sqlOf(payload: Buffer): string {
  const readable = payload.subarray(0, 600).toString('latin1').replaceAll('\0', '')
  return /[!-~]+ [ -~]*/.exec(readable)?.[0].slice(0, 80) ?? ''
}

function emptyStats(): GatewayStats {
  return {
    connections: 0,
    logins: 0,
    loginFailures: {},
    redirects: 0,
    hungUp: {},
    requests: 0,
    requestsAfterExpiry: 0,
    lateRequests: [],
    leastTimeLeft: undefined,
    roundTrips: 0,
    bytesIn: 0,
    bytesOut: 0,
    loggingIn: 0,
    mostLoggingIn: 0,
    sessionsOpen: 0,
    mostSessionsOpen: 0,
  }
}
