import { EntraError } from '../errors/entra-error.ts'

/** Work waited for a free connection as long as it may. */
export function poolTimedOut(max: number, waited: number): EntraError {
  return new EntraError(
    'CONNECT_TIMEOUT',
    `No connection was free within ${waited} ms (poolTimeout). All ${max} connections of the pool are at work: make ` +
      'queries and transactions shorter, or the pool larger (connectionLimit).',
  )
}

/** A login takes longer than work waits for a connection. */
export function loginTooSlow(waited: number): EntraError {
  return new EntraError(
    'CONNECT_TIMEOUT',
    `No connection could be opened within ${waited} ms. The server is slow to take logins: look at its load, or wait ` +
      'longer (poolTimeout, rotation.connectRetryTimeout).',
  )
}

/** The client was disconnected. */
export function disconnected(): EntraError {
  return new EntraError('CLOSED', 'The client was disconnected. Call $connect() to use it again.')
}
