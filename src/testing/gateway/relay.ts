import type { Duplex } from 'node:stream'
import { encodeMessage, encodePacket, type Packet, PacketReader, PacketStatus, PacketType } from '../../tds/packet.ts'
import { DoneStatus, encodeDone, encodeError } from '../../tds/tokens.ts'
import { azureMessage } from './azure-messages.ts'
import type { GatewayParts } from './connection.ts'
import type { FaultError } from './faults.ts'
import type { PacketLink } from './packet-link.ts'
import type { VerifiedToken } from './token-check.ts'

/** The types of messages that are requests: each is answered. */
const REQUESTS: ReadonlySet<number> = new Set([
  PacketType.SQL_BATCH,
  PacketType.RPC,
  PacketType.BULK_LOAD,
  PacketType.TRANSACTION_MANAGER,
])

const TOKEN_EXPIRED: FaultError = { number: 37396, class: 20 }

/** Errors of this severity and above end the connection. */
const FATAL = 20

/** What a {@link Relay} connects. */
export interface RelayEnds {
  client: PacketLink
  upstream: Duplex
  token: VerifiedToken
  /** Destroys the client's socket by a TCP reset. */
  reset: () => void
  parts: Pick<GatewayParts, 'clock' | 'enforceExpiry' | 'faults' | 'statistics'>
}

/** A session after its login: passes bytes both ways, and looks at each request as it begins. */
export class Relay {
  readonly #ends: RelayEnds
  readonly #packets = new PacketReader()
  #withinMessage = false
  /** The rest of a request that was answered here is not passed on. */
  #swallowing = false
  #lastTrafficAt: number

  constructor(ends: RelayEnds) {
    this.#ends = ends
    this.#lastTrafficAt = ends.parts.clock.now()
  }

  /** How long nothing has come or gone, in ms. */
  get idleFor(): number {
    return this.#ends.parts.clock.now() - this.#lastTrafficAt
  }

  /** Resolves when either side has ended. */
  async run(): Promise<void> {
    const ended = Promise.race([this.#forwardAnswers(), this.#forwardRequests()])
    await ended.catch(() => {})
  }

  async #forwardRequests(): Promise<void> {
    const { client, upstream } = this.#ends
    for await (const chunk of client) {
      this.#lastTrafficAt = this.#ends.parts.clock.now()
      for (const packet of this.#packets.push(chunk as Buffer)) {
        if (!(await this.#admits(packet))) continue
        // A real SQL Server takes no record but one of one packet: TLS would make one of all that waits.
        await new Promise((resolve) => upstream.write(encodePacket(packet), resolve))
      }
    }
  }

  async #forwardAnswers(): Promise<void> {
    const { client, upstream, parts, reset } = this.#ends
    for await (const chunk of upstream) {
      this.#lastTrafficAt = parts.clock.now()
      const fault = parts.faults.take(({ at }) => at === 'response')?.action
      if (fault !== undefined && 'delay' in fault) await wait(parts.clock, fault.delay)
      if (fault !== undefined && 'hang' in fault) await new Promise<never>(() => {})
      if (fault !== undefined && 'reset' in fault) {
        reset()
        return
      }
      if (fault !== undefined && 'drop' in fault) {
        const bytes = chunk as Buffer
        await client.breakOff(bytes.subarray(0, Math.ceil(bytes.length / 2)))
        return
      }
      if (!client.write(chunk)) await drained(client)
    }
  }

  /** Whether a packet goes on to the server. Where it does not, the client has been answered. */
  async #admits(packet: Packet): Promise<boolean> {
    const begins = !this.#withinMessage
    this.#withinMessage = (packet.status & PacketStatus.END_OF_MESSAGE) === 0
    if (begins) {
      this.#swallowing = false
      if (REQUESTS.has(packet.type)) this.#swallowing = !(await this.#admitsRequest())
    }
    return !this.#swallowing
  }

  async #admitsRequest(): Promise<boolean> {
    const { token, parts } = this.#ends
    const timeLeft = token.expiresOn - parts.clock.now()
    parts.statistics.request(timeLeft)
    parts.statistics.roundTrip()
    if (timeLeft <= 0 && parts.enforceExpiry) return this.#answer(TOKEN_EXPIRED)
    const fault = parts.faults.take(({ at }) => at === 'request')?.action
    if (fault === undefined || 'redirect' in fault) return true
    if ('refuse' in fault) return this.#answer(fault.refuse)
    if ('hang' in fault) await new Promise<never>(() => {})
    if ('reset' in fault) this.#ends.reset()
    if ('reset' in fault || 'drop' in fault) throw new Error('Dropped by a fault.')
    if ('delay' in fault) await wait(parts.clock, fault.delay)
    return true
  }

  async #answer(error: FaultError): Promise<false> {
    const severity = error.class ?? 16
    const token = encodeError({
      number: error.number,
      state: error.state ?? 1,
      class: severity,
      message: error.message ?? azureMessage(error.number),
      serverName: 'local-gateway',
    })
    const answer = encodeMessage(PacketType.TABULAR_RESULT, Buffer.concat([token, encodeDone(DoneStatus.ERROR)]))
    await new Promise((resolve) => this.#ends.client.write(answer, resolve))
    if (severity >= FATAL) {
      this.#ends.client.end()
      throw new Error('The session was ended.')
    }
    return false
  }
}

function drained(stream: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      stream.off('close', reject)
      resolve()
    }
    stream.once('drain', onDrain)
    stream.once('close', reject)
  })
}

function wait(clock: GatewayParts['clock'], delay: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(delay, resolve))
}
