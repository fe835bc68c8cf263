/** What a server's refusal of a token says of the token: pure functions. */

import { EntraError, type EntraErrorCode } from '../errors/entra-error.ts'

/** The refusals that name the token as the reason: it has expired, is for another audience, or cannot be verified. */
const TOKEN_AT_FAULT: readonly EntraErrorCode[] = ['TOKEN_REFUSED', 'SESSION_TOKEN_EXPIRED']

/** How often a source replaces refused tokens at most, in ms. */
const REPLACED_EVERY = 300_000

/**
 * Whether another token may be taken where this one was refused.
 *
 * Azure SQL says so where a token has expired ("Token is expired.", as in azuredatastudio #14497 and mssql-jdbc #1944).
 * A bare 18456 is a user that the database lacks, which no token cures; and before a token's refresh is due a
 * credential gives the same one again. So that asks for nothing: a request would be at the cost of all others.
 */
export function anotherTokenMayHelp(refusal: unknown): boolean {
  return refusal instanceof EntraError && TOKEN_AT_FAULT.includes(refusal.code)
}

/**
 * How long after one refused token was replaced the next may be, in ms: where the server refuses each new one, its
 * clock or its settings are wrong, and the others who use the source are not to rotate for that.
 *
 * @param lifetime - of the token that was refused, in ms
 */
export function replaceAgainAfter(lifetime: number): number {
  return Math.min(REPLACED_EVERY, lifetime / 2)
}
