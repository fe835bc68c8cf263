import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { explainNetworkFailure, LOGIN_TIMEOUT } from './network-failures.ts'
import { explainLoginRefusal, type LoginContext, type LoginRefusal } from './refusals.ts'
import { causesOf, explainTlsFailure } from './tls-failures.ts'

/**
 * What to throw where no connection to the server could be opened.
 *
 * @param reached - whether a connection to the server had been there, and only the login was not answered in time
 */
export function connectFailed(cause: Error, reached: boolean): EntraError {
  const tls = explainTlsFailure(cause)
  if (tls !== undefined) return tls
  const reason = reasonOf(cause).replace(/[\s.-]+$/, '')
  const code = networkCode(cause)
  const timedOut = reached && code === 'ETIMEOUT' && !reason.includes('(redirected from ')
  const verdict = timedOut ? LOGIN_TIMEOUT : explainNetworkFailure(code)
  const {
    code: ours,
    why,
    remedy,
  } = verdict ?? {
    code: 'CONNECT_FAILED',
    why: '',
    remedy: 'Mostly this passes by itself. If it does not, check what answers at that host and port.',
  }
  return new EntraError(ours, lines(`No connection to the server could be opened: ${reason}.`, why, remedy), {
    cause,
  })
}

/** The innermost code: the system's own, where there is one. */
function networkCode(error: Error): unknown {
  let found: unknown
  for (const link of causesOf(error)) {
    const { code, errors } = link as { code?: unknown; errors?: { code?: unknown }[] }
    found = code ?? errors?.[0]?.code ?? found
  }
  return found
}

/** What to throw where the server refused the login. */
export function loginRefused(refusal: LoginRefusal, context: LoginContext, cause?: Error): EntraError {
  const { number, state, message } = refusal
  const { code, why, remedy } = explainLoginRefusal(refusal, context)
  const what = `The server refused the login: ${message} (error ${number}, state ${state})`
  return new EntraError(code, lines(what, why, remedy), { ...(cause && { cause }), number, state })
}

/** What failed, why, and what to do, each on a line: the first is what other messages quote. */
function lines(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('\n')
}
