import type { Duplex } from 'node:stream'
import { writeMessage, written } from '../tds/messages.ts'
import { PacketReader, PacketType } from '../tds/packet.ts'
import type { Clock } from '../time/clock.ts'

/*
 * Not stream.pipeline: it destroys one side as soon as the other closes, and what was still on its way, such as the
 * server's last error, would be lost.
 */

/** How long the other end has to close after this one has ended the connection, in ms. */
const LINGER = 2_000

/**
 * Passes on what comes, both ways, no faster than either end takes it. When one end closes, what it had sent is still
 * delivered. Resolves when both are closed.
 */
export async function relay(client: Duplex, upstream: Duplex, clock: Clock): Promise<void> {
  const stopUp = forward(client, upstream)
  const stopDown = forward(upstream, client)
  await Promise.race([closed(client), closed(upstream)])
  await Promise.all([endAfter(stopDown(), client, clock), endAfter(stopUp(), upstream, clock)])
}

/** Sends a client its last message, and closes the connection. */
export async function sendLast(client: Duplex, tokens: Buffer, clock: Clock): Promise<void> {
  await endAfter(writeMessage(client, PacketType.TABULAR_RESULT, tokens), client, clock)
}

/**
 * Forwards whole packets, each in its own TLS record: a packet is written when the one before it is out, since Node
 * merges queued writes into one record. Ends the other side when this one ends.
 *
 * @returns stops reading; its promise resolves when everything read has been written, or can no longer be
 */
function forward(from: Duplex, to: Duplex): () => Promise<void> {
  const reader = new PacketReader()
  let writing = Promise.resolve()
  const writePackets = async (packets: Iterable<Buffer>) => {
    for (const packet of packets) if (!(await written(to, packet))) return
    from.resume()
  }
  const onData = (chunk: Buffer) => {
    from.pause()
    try {
      writing = writePackets([...reader.cut(chunk)])
    } catch (error) {
      // Without a valid length there is no next packet.
      from.destroy(error as Error)
    }
  }
  const onEnd = () => {
    // A packet that was cut short is passed on too.
    writing = writing.then(() => void to.end(reader.rest))
  }
  from.on('data', onData).on('end', onEnd)
  return () => {
    from.off('data', onData).off('end', onEnd)
    return writing
  }
}

/**
 * Ends a connection after what is being written to it. Reads and discards what still comes: closing a socket with
 * unread bytes resets it, and the other end might lose the last message.
 */
async function endAfter(writing: Promise<unknown>, stream: Duplex, clock: Clock): Promise<void> {
  if (!stream.destroyed) {
    const over = closed(stream)
    stream.resume()
    await Promise.race([over, writing])
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
