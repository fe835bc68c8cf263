import type { Duplex } from 'node:stream'
import { encodeMessage, encodePacket, type Packet, PacketReader, PacketStatus, PacketType } from '../../tds/packet.ts'
import { DoneStatus, encodeDone, encodeError } from '../../tds/tokens.ts'
import type { Clock } from '../../time/clock.ts'
import type { FaultList } from '../fault-list.ts'
import { azureMessage } from './azure-errors.ts'
import type { FaultError, GatewayFault } from './faults.ts'
import type { PacketLink } from './packet-link.ts'
import type { GatewayStatistics } from './stats.ts'
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

/** The gateway's settings that matter to a session. */
export interface SessionSettings {
  /** Ends a session at its first request after its token's expiry. */
  enforceExpiry: boolean
  clock: Clock
  faults: FaultList<GatewayFault>
  statistics: GatewayStatistics
}

/** A session after its login: passes bytes both ways, and looks at each request as it begins. */
export class Relay {
  readonly #client: PacketLink
  readonly #upstream: Duplex
  readonly #token: VerifiedToken
  readonly #settings: SessionSettings
  readonly #reset: () => void
  readonly #packets = new PacketReader()
  #withinMessage = false
  /** The rest of a request that was answered here is not passed on. */
  #swallowing = false
  #lastTrafficAt: number

  /** @param reset - destroys the client's socket by a TCP reset */
  constructor(
    client: PacketLink,
    upstream: Duplex,
    token: VerifiedToken,
    settings: SessionSettings,
    reset: () => void,
  ) {
    this.#client = client
    this.#upstream = upstream
    this.#token = token
    this.#settings = settings
    this.#reset = reset
    this.#lastTrafficAt = settings.clock.now()
  }

  /** How long the session has been silent, in ms. */
  get idleFor(): number {
    return this.#settings.clock.now() - this.#lastTrafficAt
  }

  /** Resolves when either side has ended. */
  async run(): Promise<void> {
    const ended = Promise.race([this.#forwardAnswers(), this.#forwardRequests()])
    await ended.catch(() => {})
  }

  async #forwardRequests(): Promise<void> {
    for await (const chunk of this.#client) {
      this.#lastTrafficAt = this.#settings.clock.now()
      for (const packet of this.#packets.push(chunk as Buffer)) {
        if (!(await this.#admits(packet))) continue
        // A real SQL Server accepts only records of one packet: TLS would make one record of all that waits.
        await new Promise((resolve) => this.#upstream.write(encodePacket(packet), resolve))
      }
    }
  }

  async #forwardAnswers(): Promise<void> {
    const { clock, faults } = this.#settings
    for await (const chunk of this.#upstream) {
      this.#lastTrafficAt = clock.now()
      const fault = faults.take(({ at }) => at === 'response')?.action
      if (fault !== undefined && 'delay' in fault) await wait(clock, fault.delay)
      if (fault !== undefined && 'hang' in fault) await new Promise<never>(() => {})
      if (fault !== undefined && 'reset' in fault) {
        this.#reset()
        return
      }
      if (fault !== undefined && 'drop' in fault) {
        const bytes = chunk as Buffer
        await this.#client.breakOff(bytes.subarray(0, Math.ceil(bytes.length / 2)))
        return
      }
      if (!this.#client.write(chunk)) await drained(this.#client)
    }
    // The server's last bytes may still wait to be written.
    await new Promise<void>((resolve) => this.#client.once('close', resolve).end(resolve))
  }

  /** Whether to pass a packet on to the server. If not, the client has had its answer. */
  async #admits(packet: Packet): Promise<boolean> {
    const begins = !this.#withinMessage
    this.#withinMessage = (packet.status & PacketStatus.END_OF_MESSAGE) === 0
    if (begins) {
      this.#swallowing = false
      if (REQUESTS.has(packet.type)) this.#swallowing = !(await this.#admitsRequest(packet))
    }
    return !this.#swallowing
  }

  async #admitsRequest({ payload }: Packet): Promise<boolean> {
    const { clock, faults, statistics, enforceExpiry } = this.#settings
    const now = clock.now()
    const timeLeft = this.#token.expiresOn - now
    statistics.request(timeLeft, now, payload)
    statistics.roundTrip()
    if (timeLeft <= 0 && enforceExpiry) return this.#answer(TOKEN_EXPIRED)
    const fault = faults.take(
      ({ at, matching }) => at === 'request' && (matching === undefined || has(payload, matching)),
    )?.action
    if (fault === undefined || 'redirect' in fault) return true
    if ('refuse' in fault) return this.#answer(fault.refuse)
    if ('hang' in fault) await new Promise<never>(() => {})
    if ('reset' in fault) this.#reset()
    if ('reset' in fault || 'drop' in fault) throw new Error('Dropped by a fault.')
    if ('delay' in fault) await wait(clock, fault.delay)
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
    await new Promise((resolve) => this.#client.write(answer, resolve))
    if (severity >= FATAL) {
      this.#client.end()
      throw new Error('The session was ended.')
    }
    return false
  }
}

/** Whether the text of a request matches: UTF-16, which may begin at any byte of an RPC. */
function has(data: Buffer, text: RegExp): boolean {
  return text.test(data.toString('utf16le')) || text.test(data.subarray(1).toString('utf16le'))
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

function wait(clock: Clock, delay: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(delay, resolve))
}
