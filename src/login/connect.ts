import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { EntraError } from '../errors/entra-error.ts'
import type { Clock } from '../time/clock.ts'
import { connectFailed } from './connect-failures.ts'

/** What resolves the name of a server to its addresses; undefined for an address. */
export function addressLookup(host: string): (() => Promise<string[]>) | undefined {
  if (isIP(host) !== 0) return undefined
  return async () => (await lookup(host, { all: true })).map(({ address }) => address)
}

/** Options of {@link dial}. */
interface DialOptions {
  host: string
  port: number
  localAddress?: string | undefined
  /** Tries every address of the host at once (`MultiSubnetFailover`), not one after the other. @defaultValue false */
  parallel?: boolean | undefined
  /** Aborts it. */
  signal?: AbortSignal | undefined
}

/**
 * Opens a TCP connection to the first address of the host that answers. Writes go out at once (no Nagle): otherwise the
 * last packet of a message would wait for the server's delayed acknowledgment.
 *
 * @throws the system's error; the signal's reason
 */
export async function dial(options: DialOptions): Promise<Socket> {
  const { host, parallel = false, signal = new AbortController().signal, ...rest } = options
  if (!parallel) return open(host, signal, rest)
  const addresses = await lookup(host, { all: true })
  const winner = new AbortController()
  const attempts = addresses.map(async ({ address }) => {
    const socket = await open(address, AbortSignal.any([signal, winner.signal]), rest)
    winner.abort(new Error('Another address answered first.'))
    return socket
  })
  return Promise.any(attempts)
}

async function open(
  host: string,
  signal: AbortSignal,
  { port, localAddress }: Pick<DialOptions, 'port' | 'localAddress'>,
): Promise<Socket> {
  signal.throwIfAborted()
  const socket = connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) })
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (error) {
    socket.on('error', () => {})
    socket.destroy()
    signal.throwIfAborted()
    throw error
  }
}

/**
 * Opens a connection, or does a part of that, within the connect timeout.
 *
 * @param target - `connectTimeout` in ms; 0 for no limit
 * @param progress - `reached`: whether there is a TCP connection
 * @param work - its signal is aborted when the time is up, or when `signal` is
 * @throws EntraError as the adapter does if no connection can be opened; the signal's reason
 */
export async function withinConnectTimeout<T>(
  { host, port, connectTimeout }: { host: string; port: number; connectTimeout: number },
  progress: { readonly reached: boolean },
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const tooLong = new AbortController()
  const onTimeout = () => {
    const error = new Error(`Failed to connect to ${host}:${port} in ${connectTimeout} ms`)
    tooLong.abort(connectFailed(Object.assign(error, { code: 'ETIMEOUT' }), progress.reached))
  }
  const timer = connectTimeout > 0 ? clock.setTimer(connectTimeout, onTimeout) : undefined
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
