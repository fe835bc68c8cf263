import { once } from 'node:events'
import type { Duplex } from 'node:stream'

/** How a process of the benchmark is reached. */
export interface Ends {
  port: number
  ca: string
  user: string
  password: string
}

/** What a client asks of the server at the beginning of a session, in 64 bytes of JSON. */
export interface Order {
  direction: 'up' | 'down' | 'echo'
  bytes: number
}

const CHUNK = Buffer.alloc(2 ** 16, 7)

export async function send(stream: Duplex, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    if (!stream.write(left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK)) await once(stream, 'drain')
  }
}

/** Reads so many bytes, and throws them away. */
export function receive(stream: Duplex, bytes: number): Promise<void> {
  let left = bytes
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      left -= chunk.length
      if (left > 0) return
      stream.off('data', onData).off('close', reject)
      stream.pause()
      resolve()
    }
    stream.on('data', onData).on('close', reject)
    stream.resume()
  })
}
