import { EntraError } from '../errors/entra-error.ts'
import type { Clock } from '../time/clock.ts'
import { connectFailed } from './login-errors.ts'

/** Where a connection is opened to, and how long that may take. */
export interface Destination {
  host: string
  port: number
  /** In ms; 0 for no limit. */
  connectTimeout: number
}

/** How far it has come. */
export interface Progress {
  /** Whether a TCP connection is there. */
  readonly reached: boolean
}

/**
 * Opens a connection, or does a part of that, for as long as the connect timeout at most.
 *
 * @param work - is given a signal that is aborted when the time is up, or when `signal` is
 * @throws EntraError as the adapter does where no connection can be opened; the signal's reason
 */
export async function withinConnectTimeout<T>(
  { host, port, connectTimeout }: Destination,
  progress: Progress,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const tooLong = new AbortController()
  const late = () => {
    const error = new Error(`Failed to connect to ${host}:${port} in ${connectTimeout} ms`)
    tooLong.abort(connectFailed(Object.assign(error, { code: 'ETIMEOUT' }), progress.reached))
  }
  const timer = connectTimeout > 0 ? clock.setTimer(connectTimeout, late) : undefined
  try {
    return await work(AbortSignal.any([signal, tooLong.signal]))
  } catch (error) {
    signal.throwIfAborted()
    tooLong.signal.throwIfAborted()
    throw error instanceof EntraError ? error : connectFailed(error as Error, progress.reached)
  } finally {
    timer?.cancel()
  }
}
