import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

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
