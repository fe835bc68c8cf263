import type { CredentialChain } from '../credentials/chain.ts'
import { claimsOf } from '../credentials/claims.ts'
import { reasonsOf } from '../credentials/failures.ts'
import type { ClockSkewEvent, TokenAcquiredEvent } from '../events.ts'
import { clockSkew } from './clock-skew.ts'
import type { Lease } from './lease.ts'

/** @param chain - that has just given the lease */
export function acquiredEvent(
  lease: Lease,
  chain: CredentialChain,
  at: number,
  durationMs: number,
): TokenAcquiredEvent {
  const { expiresOn, refreshAfter } = lease
  const { serving: credential = '', failures } = chain
  const failed = failures.map((it) => ({ credential: it.credential, reason: reasonsOf(it.error).join(' ') }))
  return {
    type: 'token.acquired',
    at,
    credential,
    ...(failed.length > 0 && { failed }),
    expiresOn,
    refreshAfter,
    durationMs,
  }
}

/** Undefined where a new lease shows no skew. */
export function skewEvent({ token, expiresOn }: Lease, at: number): ClockSkewEvent | undefined {
  const claims = claimsOf(token)
  const skewMs = claims && clockSkew(claims, expiresOn, at)
  return skewMs === undefined ? undefined : { type: 'clock.skew', at, skewMs }
}
