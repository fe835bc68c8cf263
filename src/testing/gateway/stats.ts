import type { GatewayRule } from './rules.ts'

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

  /** @param timeLeft - on the session's token, in ms */
  request(timeLeft: number): void {
    const { leastTimeLeft } = this.#stats
    this.#stats.requests++
    if (timeLeft <= 0) this.#stats.requestsAfterExpiry++
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

function emptyStats(): GatewayStats {
  return {
    connections: 0,
    logins: 0,
    loginFailures: {},
    redirects: 0,
    hungUp: {},
    requests: 0,
    requestsAfterExpiry: 0,
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
