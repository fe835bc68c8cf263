import type { Duplex } from 'node:stream'
import { PacketType } from '../tds/packet.ts'
import { writeMessage } from '../tds/packet-writing.ts'
import type { Clock } from '../time/clock.ts'
import { pass } from './packet-relay.ts'

/** How long an end that was told good-bye has to go by itself, in ms. */
const LINGER = 2_000

/**
 * Passes on what comes, both ways, no faster than either end takes it. Resolves when both are gone: what was on its way
 * when one of them closed is still delivered to the other.
 */
export async function relay(client: Duplex, upstream: Duplex, clock: Clock): Promise<void> {
  const gone = Promise.race([closed(client), closed(upstream)])
  const up = pass(client, upstream)
  const down = pass(upstream, client)
  await gone
  up.stop()
  down.stop()
  await Promise.all([letGo(client, down.done, clock), letGo(upstream, up.done, clock)])
}

/** Says the last thing to a client, and waits until it has gone. */
export async function lastWords(client: Duplex, tokens: Buffer, clock: Clock): Promise<void> {
  await letGo(client, writeMessage(client, PacketType.TABULAR_RESULT, tokens), clock)
}

/**
 * Ends a connection behind what is being written to it. What the other end still sends is read and thrown away: closing
 * a socket with unread bytes resets it, and the other end might lose what it was told last.
 */
async function letGo(stream: Duplex, written: Promise<void>, clock: Clock): Promise<void> {
  if (!stream.destroyed) {
    const over = closed(stream)
    stream.resume()
    await Promise.race([over, written])
    await Promise.race([over, new Promise<void>((resolve) => stream.end(resolve))])
    await Promise.race([over, new Promise<void>((resolve) => clock.setTimer(LINGER, resolve))])
  }
  stream.destroy()
}

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve()
    else stream.once('close', () => resolve())
  })
}
