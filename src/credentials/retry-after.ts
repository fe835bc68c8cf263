import { AsyncLocalStorage } from 'node:async_hooks'
import { causesOf } from '../errors/causes.ts'
import type { IdentityOptions } from './methods.ts'

/**
 * Whether and when to retry a failed token request. Reads the errors of `@azure/identity` and
 * `@azure/core-rest-pipeline` (a `RestError` keeps the response's headers) anywhere in the chain of causes.
 */

/** What errors of `@azure/identity`, MSAL and others may have. */
export interface ErrorLike {
  code?: unknown
  statusCode?: unknown
  /** MSAL's `ServerError` has it. */
  status?: unknown
  response?: { status?: unknown; headers?: { get?: (name: string) => unknown } }
  retryAfterInMs?: unknown
  errors?: unknown
  name?: unknown
  message?: unknown
  errorResponse?: { errorDescription?: unknown }
}

/**
 * The wait that the authority asked for, in ms; undefined if it did not.
 *
 * @param now - ms since the epoch, for a `Retry-After` that is a date (RFC 9110, 10.2.3)
 */
export function retryAfterOf(error: unknown, now: number): number | undefined {
  for (const link of causesOf(error) as Iterable<ErrorLike>) {
    if (typeof link.retryAfterInMs === 'number' && link.retryAfterInMs >= 0) return link.retryAfterInMs
    const headers = link.response?.headers
    if (typeof headers?.get !== 'function') continue
    const inMs = Number(headers.get('retry-after-ms') ?? Number.NaN)
    if (inMs >= 0) return inMs
    const value = headers.get('retry-after')
    if (typeof value !== 'string' || value === '') continue
    const seconds = Number(value)
    if (seconds >= 0) return seconds * 1000
    const date = Date.parse(value)
    if (Number.isFinite(date)) return Math.max(date - now, 0)
  }
  return undefined
}

/**
 * Throttling in errors without a status, such as MSAL's: Entra ID's AADSTS90055, 50196 (a loop) and 900382, and the
 * managed identity endpoints' "Too many requests".
 */
const THROTTLED = /too many requests|\bthrottl|AADSTS(?:90055|50196|900382)\b/i

/** Whether a token was refused because there were too many requests. */
export function isThrottled(error: unknown): boolean {
  for (const link of causesOf(error) as Iterable<ErrorLike>) {
    if (link.statusCode === 429 || link.response?.status === 429 || link.status === 429) return true
    if (typeof link.message === 'string' && THROTTLED.test(link.message)) return true
  }
  return false
}

/** OAuth's errors for a request that is itself wrong (RFC 6749, 5.2). MSAL's messages begin with them. */
const WRONG_REQUEST =
  /\b(?:invalid_client|unauthorized_client|invalid_grant|invalid_request|invalid_resource|invalid_scope|unsupported_grant_type): /

/** Our own codes for what is permanently wrong here. */
const WRONG_HERE: readonly unknown[] = ['CONFIG_INVALID', 'DEPENDENCY_MISSING', 'TOKEN_INVALID']

/** A mistake in code. Node's `fetch` and others throw these for a network error too, which they then name as the cause. */
function isProgramError(link: ErrorLike): boolean {
  const isKind = link instanceof TypeError || link instanceof ReferenceError || link instanceof RangeError
  return isKind && link.cause === undefined
}

/**
 * Whether asking again cannot help unless something changes: the credential is not set up here, its code has a mistake, or
 * Entra answered that the request itself is wrong. Most errors of `@azure/identity` have no status, only a text, and a credential that could not
 * reach its endpoint is called unavailable too. With several credentials, this must be true of each.
 */
export function isLasting(error: unknown, depth = 0): boolean {
  let lasting = false
  for (const link of causesOf(error) as Iterable<ErrorLike>) {
    if (Array.isArray(link.errors) && link.errors.length > 0) {
      return depth < 8 && link.errors.every((part) => isLasting(part, depth + 1))
    }
    if (WRONG_HERE.includes(link.code) || isProgramError(link)) return true
    const status = link.statusCode ?? link.response?.status
    if (typeof status === 'number') return status === 400 || status === 401 || status === 403
    const message = typeof link.message === 'string' ? link.message : ''
    if (WRONG_REQUEST.test(message)) return true
    if (link.name === 'CredentialUnavailableError') {
      if (/authentication failed|network/i.test(message)) return false
      lasting = true
    }
  }
  return lasting
}

type Policy = NonNullable<IdentityOptions['additionalPolicies']>[number]['policy']
type PipelineResponse = Awaited<ReturnType<Policy['sendRequest']>>

/** The answer of an authority that cannot serve now, as a `RestError` has it. */
type Refusal = Pick<PipelineResponse, 'status' | 'headers'>

/** For the current request: its last answer, if that was a refusal. */
const request = new AsyncLocalStorage<{ refusal: Refusal | undefined }>()

/**
 * Records the authority's answers, since `@azure/identity` leaves status and `Retry-After` out of its errors. Put it
 * outside of the retries (`perCall`).
 */
export const hearRefusals: Policy = {
  name: 'prisma-adapter-mssql-entra',
  async sendRequest(message, next) {
    const response = await next(message)
    const { status, headers } = response
    const heard = request.getStore()
    if (heard !== undefined) heard.refusal = status === 429 || status >= 500 ? { status, headers } : undefined
    return response
  },
}

/**
 * Asks for a token. If the authority refused to serve, the error says so as a `RestError` does.
 *
 * @param ask - asks a credential that was made with {@link hearRefusals}
 * @param onRefusal - called then
 */
export async function withRefusals<T>(ask: () => Promise<T>, onRefusal: () => void): Promise<T> {
  const heard: { refusal: Refusal | undefined } = { refusal: undefined }
  try {
    return await request.run(heard, ask)
  } catch (error) {
    const { refusal } = heard
    if (refusal !== undefined) onRefusal()
    if (refusal !== undefined && error instanceof Error && !('response' in error)) {
      Object.assign(error, { statusCode: refusal.status, response: refusal })
    }
    throw error
  }
}
