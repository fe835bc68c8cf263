import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { EntraError } from '../errors/entra-error.ts'
import type { Clock } from '../time/clock.ts'
import { connectFailed } from './connect-failures.ts'

/** Where to connect to. */
export interface DialOptions {
  host: string
  port: number
  localAddress?: string | undefined
  /** Tries every address of the host at once (`MultiSubnetFailover`), not one after the other. @defaultValue false */
  parallel?: boolean | undefined
  /** Gives it up. */
  signal?: AbortSignal | undefined
}

/**
 * Opens a TCP connection: names are looked up, and the addresses tried until one answers. What is written goes out at
 * once: of a message of several packets the last would else wait for the server's delayed acknowledgment.
 *
 * @throws what the system says; the signal's reason
 */
export async function dial(options: DialOptions): Promise<Socket> {
  const { host, parallel = false, signal } = options
  if (!parallel) return open(options)
  const addresses = await lookup(host, { all: true })
  const winner = new AbortController()
  const attempts = addresses.map(async ({ address }) => {
    const socket = await open({ ...options, host: address, signal: anyOf(signal, winner.signal) })
    winner.abort(new Error('Another address answered first.'))
    return socket
  })
  return Promise.any(attempts)
}

async function open({ host, port, localAddress, signal }: DialOptions): Promise<Socket> {
  signal?.throwIfAborted()
  const socket = connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) })
  try {
    await once(socket, 'connect', signal && { signal })
    return socket
  } catch (error) {
    socket.on('error', () => {})
    socket.destroy()
    signal?.throwIfAborted()
    throw error
  }
}

function anyOf(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined))
}

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
