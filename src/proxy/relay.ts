import type { Duplex } from 'node:stream'
import { hasRecords, writeMessage } from '../tds/messages.ts'
import { PacketReader, PacketType } from '../tds/packet.ts'
import type { Clock } from '../time/clock.ts'

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

/** One direction of a relay. */
export interface Passage {
  /** Resolves when all that came has been written, or can no longer be. */
  readonly done: Promise<void>
  /** Takes nothing more; what was taken is still written. */
  stop(): void
}

/** Passes on what comes, no faster than the other end takes it, and ends that one when this one ends. */
export function pass(from: Duplex, to: Duplex): Passage {
  if (hasRecords(to)) return new PacketPassage(from, to)
  from.pipe(to)
  return { done: Promise.resolve(), stop: () => from.unpipe(to) }
}

/**
 * Passes on whole packets, each in a TLS record of its own: a packet is written when the one before it has gone, since
 * Node merges writes that are queued into one record.
 */
class PacketPassage implements Passage {
  readonly done: Promise<void>
  readonly #from: Duplex
  readonly #to: Duplex
  readonly #reader = new PacketReader()
  /** The packets of what came last. */
  #packets: Buffer[] = []
  #next = 0
  #state: 'reading' | 'writing' | 'settled' = 'reading'
  /** How it goes on when the packets are written: the far end may be gone, or have said its last, by then. */
  #then: 'read' | 'stop' | 'end' = 'read'
  #settle = () => {}

  constructor(from: Duplex, to: Duplex) {
    this.#from = from
    this.#to = to
    this.done = new Promise((resolve) => {
      this.#settle = resolve
    })
    from.on('data', this.#take).on('end', this.#end).on('close', this.#stop)
    to.on('close', this.#close)
    from.resume()
  }

  stop(): void {
    this.#stop()
  }

  #take = (chunk: Buffer): void => {
    try {
      this.#packets = [...this.#reader.cut(chunk)]
    } catch (error) {
      // No end of this packet can be told, so that there is nothing to pass on any more.
      this.#from.destroy(error as Error)
      return
    }
    if (this.#packets.length === 0) return
    this.#next = 0
    this.#state = 'writing'
    this.#from.pause()
    this.#write()
  }

  #write = (error?: Error | null): void => {
    const packet = this.#packets[this.#next++]
    if (error) this.#close()
    else if (packet !== undefined) this.#to.write(packet, this.#write)
    else this.#goOn()
  }

  #goOn(): void {
    if (this.#state === 'settled') return
    this.#state = 'reading'
    if (this.#then === 'read') this.#from.resume()
    else {
      if (this.#then === 'end') this.#endOther()
      this.#close()
    }
  }

  /** What is left is a part of a packet: the other end is told no less than this one was. */
  #endOther(): void {
    const { rest } = this.#reader
    if (rest.length > 0) this.#to.write(rest)
    this.#to.end()
  }

  #end = (): void => {
    this.#then = 'end'
    if (this.#state === 'reading') this.#goOn()
  }

  #stop = (): void => {
    this.#detach()
    if (this.#then === 'read') this.#then = 'stop'
    if (this.#state === 'reading') this.#goOn()
  }

  #close = (): void => {
    this.#state = 'settled'
    this.#detach()
    this.#to.off('close', this.#close)
    this.#settle()
  }

  #detach(): void {
    this.#from.off('data', this.#take).off('end', this.#end).off('close', this.#stop)
  }
}
