import { AsyncLocalStorage } from 'node:async_hooks'
import type { IdentityOptions } from './methods.ts'

type Policy = NonNullable<IdentityOptions['additionalPolicies']>[number]['policy']

/** What an authority answered that does not serve now. */
interface Refusal {
  status: number
  /** In seconds, or as a date. */
  retryAfter: string | undefined
}

/** Of the request under way: what was answered last, where that was a refusal. */
const request = new AsyncLocalStorage<{ refusal: Refusal | undefined }>()

/**
 * Hears what the authority answers, for `@azure/identity` leaves status and `Retry-After` out of its errors. Put it
 * outside of the retries (`perCall`).
 */
export const hearRefusals: Policy = {
  name: 'prisma-adapter-mssql-entra',
  async sendRequest(message, next) {
    const response = await next(message)
    const { status, headers } = response
    const heard = request.getStore()
    if (heard !== undefined) {
      const refused = status === 429 || status >= 500
      heard.refusal = refused ? { status, retryAfter: headers.get('retry-after') } : undefined
    }
    return response
  },
}

/**
 * Asks for a token; where the authority refused to serve, its error says so as a `RestError` does.
 *
 * @param ask - of a credential that was made with {@link hearRefusals}
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
      const headers = new Map(refusal.retryAfter === undefined ? [] : [['retry-after', refusal.retryAfter]])
      Object.assign(error, { statusCode: refusal.status, response: { status: refusal.status, headers } })
    }
    throw error
  }
}
