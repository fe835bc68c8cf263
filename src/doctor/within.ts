import type { Clock } from '../clock.ts'
import { connectFailed } from '../connect/connect-errors.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { Target } from '../proxy/target.ts'

/** What a step on the wire works under. */
export interface Limits {
  clock: Clock
  signal: AbortSignal
}

/**
 * Runs one part of opening a connection, which may take as long as the target's connect timeout.
 *
 * @param reached - whether a TCP connection is there already
 * @throws EntraError as the adapter does where no connection can be opened; the signal's reason
 */
export async function withinConnectTimeout<T>(
  { host, port, connectTimeout }: Target,
  reached: boolean,
  { clock, signal }: Limits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const tooLong = new AbortController()
  const error = new Error(`Failed to connect to ${host}:${port} in ${connectTimeout} ms`)
  const late = () => tooLong.abort(connectFailed(Object.assign(error, { code: 'ETIMEOUT' }), reached))
  const timer = connectTimeout > 0 ? clock.setTimer(connectTimeout, late) : { cancel() {} }
  try {
    return await work(AbortSignal.any([signal, tooLong.signal]))
  } catch (error) {
    signal.throwIfAborted()
    tooLong.signal.throwIfAborted()
    throw error instanceof EntraError ? error : connectFailed(error as Error, reached)
  } finally {
    timer.cancel()
  }
}
