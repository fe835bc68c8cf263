import type { Duplex } from 'node:stream'
import { writeMessage, written } from '../tds/messages.ts'
import { PACKET_HEADER_LENGTH, PacketReader, PacketStatus, PacketType } from '../tds/packet.ts'
import { type Clock, sleep, type Timer } from '../time/clock.ts'

/*
 * Not stream.pipeline: it destroys one side as soon as the other closes, and what was still on its way, such as the
 * server's last error, would be lost.
 */

/** How long an end may take nothing and not close after the other has ended the connection, in ms. */
const LINGER = 2_000

/** Options of {@link relay}. */
interface RelayOptions {
  clock: Clock
  /**
   * Whether the client has gone, as the system knows. It is asked when the server has read nothing for the linger time:
   * then nothing more is read from the client, nor its end seen.
   */
  clientIsGone: () => Promise<boolean>
  /** Answers a message of one packet from the client, which then does not reach the server; undefined to pass it on. */
  answer: (packet: Buffer) => Buffer | undefined
  /** Ends the session. The client gets the reason as its last message, unless it is in the middle of another one. */
  expiry: AbortSignal
  /** The message of `expiry`. */
  farewell: () => Buffer
}

/**
 * Passes on what comes, both ways, no faster than either end takes it. When one end closes, what it had sent is still
 * delivered, as long as the other takes some of it within the linger time. Resolves when both are closed.
 */
export async function relay(client: Duplex, upstream: Duplex, options: RelayOptions): Promise<void> {
  const { clock, clientIsGone, answer, expiry, farewell } = options
  const up = new Forwarding(client, upstream, clock)
  const down = new Forwarding(upstream, client, clock)
  up.answer = answer
  up.onStall = async () => {
    if (!(await clientIsGone())) return
    client.destroy()
    upstream.destroy()
  }
  await Promise.race([closed(client), closed(upstream), aborted(expiry)])
  up.stop()
  down.stop()
  await Promise.all([
    endAfter(down, client, clock, () => (expiry.aborted && down.isBetweenMessages ? farewell() : undefined)),
    endAfter(up, upstream, clock),
  ])
}

/** The first characters of a batch of SQL in one packet; of any other message, nothing (MS-TDS 2.2.6.7). */
export function beginningOf(packet: Buffer): string {
  if (packet.readUInt8(0) !== PacketType.SQL_BATCH || packet.length < PACKET_HEADER_LENGTH + 4) return ''
  const start = PACKET_HEADER_LENGTH + packet.readUInt32LE(PACKET_HEADER_LENGTH)
  return packet.toString('utf16le', start, start + 2 * 64)
}

/** Sends a client its last message, and closes the connection. */
export async function sendLast(client: Duplex, tokens: Buffer, clock: Clock): Promise<void> {
  const writing = { done: writeMessage(client, PacketType.TABULAR_RESULT, tokens), progress: 0 }
  await endAfter(writing, client, clock)
}

/** What is being written to a stream. */
interface Writing {
  done: Promise<unknown>
  /** Grows when some of it was taken. */
  progress: number
}

/**
 * Forwards whole packets, each in its own TLS record: a packet is written when the one before it is out, since Node
 * merges queued writes into one record. Ends the other side when this one ends.
 */
class Forwarding implements Writing {
  /** Called each time that the other side has taken nothing for the linger time. */
  onStall: () => void = () => {}
  /** Asked about each message of one packet. */
  answer: (packet: Buffer) => Buffer | undefined = () => undefined
  progress = 0
  readonly #from: Duplex
  readonly #to: Duplex
  readonly #reader = new PacketReader()
  readonly #clock: Clock
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  #hasEnded = false
  #lastStatus: number = PacketStatus.END_OF_MESSAGE
  #watch: Timer | undefined

  constructor(from: Duplex, to: Duplex, clock: Clock) {
    this.#from = from
    this.#to = to
    this.#clock = clock
    from.on('data', this.#onData).on('end', this.#onEnd)
    to.once('close', () => this.#watch?.cancel())
  }

  /** Resolves when everything read has been written, or can no longer be. */
  get done(): Promise<void> {
    return this.#writing
  }

  get isBetweenMessages(): boolean {
    return !this.#isWriting && (this.#lastStatus & PacketStatus.END_OF_MESSAGE) !== 0
  }

  /** Reads no more. */
  stop(): void {
    this.#watch?.cancel()
    this.#from.off('data', this.#onData).off('end', this.#onEnd)
  }

  readonly #onData = (chunk: Buffer) => {
    this.#from.pause()
    try {
      this.#writing = this.#write([...this.#reader.cut(chunk)])
    } catch (error) {
      // Without a valid length there is no next packet.
      this.#from.destroy(error as Error)
    }
  }

  readonly #onEnd = () => {
    this.#hasEnded = true
    this.#watchProgress()
    // A packet that was cut short is passed on too.
    this.#writing = this.#writing.then(() => void this.#to.end(this.#reader.rest))
  }

  async #write(packets: readonly Buffer[]): Promise<void> {
    if (packets.length > 0) this.#isWriting = true
    for (const packet of packets) {
      const whole = (this.#lastStatus & packet.readUInt8(1) & PacketStatus.END_OF_MESSAGE) !== 0
      const answer = whole ? this.answer(packet) : undefined
      if (answer !== undefined) {
        this.#from.write(answer)
        continue
      }
      if (this.#watch === undefined) this.#watchProgress()
      if (!(await written(this.#to, packet))) return
      this.progress++
      this.#lastStatus = packet.readUInt8(1)
    }
    this.#isWriting = false
    this.#from.resume()
  }

  /** One timer at a time, and none while nothing is under way. */
  #watchProgress(): void {
    this.#watch?.cancel()
    const before = this.progress
    this.#watch = this.#clock.setTimer(LINGER, () => {
      this.#watch = undefined
      if (!this.#isWriting && !this.#hasEnded) return
      if (this.progress === before) {
        // This side has ended, and the other neither takes the rest nor closes.
        if (this.#hasEnded) return void this.#to.destroy()
        this.onStall()
      }
      this.#watchProgress()
    })
  }
}

/**
 * Ends a connection after what is being written to it, and a last message. Reads and discards what still comes: closing a
 * socket with unread bytes resets it, and the other end might lose the last message.
 */
async function endAfter(
  writing: Writing,
  stream: Duplex,
  clock: Clock,
  last?: () => Buffer | undefined,
): Promise<void> {
  if (!stream.destroyed) {
    const over = closed(stream)
    stream.resume()
    await Promise.race([over, writing.done, stalled(writing, over, clock)])
    const message = last?.()
    if (message !== undefined) stream.write(message)
    stream.end()
    await Promise.race([over, sleep(clock, LINGER)])
  }
  stream.destroy()
}

/** Resolves when nothing was taken for the linger time. */
async function stalled(writing: Writing, over: Promise<void>, clock: Clock): Promise<void> {
  for (let before = -1; before !== writing.progress; ) {
    before = writing.progress
    await Promise.race([over, writing.done, sleep(clock, LINGER)])
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve()
    else stream.once('close', () => resolve())
  })
}
