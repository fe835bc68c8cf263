import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Feature } from '../../src/tds/features.ts'
import { type Login7, parseLogin7 } from '../../src/tds/login7.ts'
import { encodeMessage, PACKET_HEADER_LENGTH, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { Encryption } from '../../src/tds/prelogin.ts'
import { greetClient } from '../../src/tds/server-login.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeFeatureExtAck,
  encodeLoginAck,
  type Routing,
} from '../../src/tds/tokens.ts'
import { encodeRouting, encodeTextChange } from '../../src/testing/gateway/server-tokens.ts'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'

const authority = await createCertificateAuthority()

/** What a client trusts who is to trust all servers of this file. */
export const ca = authority.certificate

/** A message of a client, put together again. */
export interface Request {
  type: number
  payload: Buffer
}

export interface StrictServerOptions {
  /** The names in its certificate. */
  hosts?: readonly string[]
  redirect?: Routing
  /** In place of the answer to LOGIN7. */
  answerLogin?: (client: Duplex) => void
  /** The tokens that answer a request. @defaultValue an empty DONE */
  answer?: (request: Request) => Buffer | undefined
  /** Takes one record, and the next no sooner than the event loop has gone round: the client's writes pile up. */
  slow?: boolean
}

/** A server that hangs up, as SQL Server does, where a TLS record is not one packet of the agreed size. */
export async function startStrictServer(options: StrictServerOptions = {}) {
  const { hosts = ['front.test'] } = options
  const { key, certificate } = await authority.issue({ hosts })
  const logins: { login: Login7; servername: unknown }[] = []
  const requests: Request[] = []
  const violations: string[] = []
  const sockets = new Set<Socket>()
  let taken = 0
  const server = createServer((socket) => {
    taken++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    serve(socket).catch(() => socket.destroy())
  })

  async function serve(socket: Socket): Promise<void> {
    const version = { major: 16, minor: 0, build: 1000 }
    const answer = () => ({ version, encryption: Encryption.REQUIRED, fedAuthRequired: true })
    const { login: client } = await greetClient(socket, { key, certificate, answer })
    const { servername } = client as TLSSocket
    const records = new Records(client, violations)
    let loggedIn = false
    // TLS gives one record at a time to whom takes it at once.
    client.on('data', (record: Buffer) => {
      if (options.slow) {
        socket.pause()
        setImmediate(() => socket.resume())
      }
      const message = records.take(record)
      if (message === undefined) return
      if (loggedIn) {
        requests.push(message)
        client.write(encodeMessage(PacketType.TABULAR_RESULT, options.answer?.(message) ?? doneFor(message)))
        return
      }
      const login = parseLogin7(message.payload)
      logins.push({ login, servername })
      if (options.answerLogin !== undefined) {
        options.answerLogin(client)
        return
      }
      client.write(encodeMessage(PacketType.TABULAR_RESULT, loginAnswer(login, options.redirect)))
      records.agreed = packetSizeFor(login)
      loggedIn = true
    })
    client.on('error', () => {})
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    logins,
    requests,
    violations,
    get taken() {
      return taken
    },
    /** Sockets that are open. */
    get open() {
      return sockets.size
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Puts messages together of records that are one packet each. */
class Records {
  /** The agreed packet size, in bytes. */
  agreed = 4096
  readonly #client: Duplex
  readonly #violations: string[]
  #parts: Buffer[] = []

  constructor(client: Duplex, violations: string[]) {
    this.#client = client
    this.#violations = violations
  }

  take(record: Buffer): Request | undefined {
    const length = record.length < PACKET_HEADER_LENGTH ? -1 : record.readUInt16BE(2)
    const isLast = length > 0 && (record.readUInt8(1) & PacketStatus.END_OF_MESSAGE) !== 0
    if (length !== record.length || length > this.agreed || (!isLast && length !== this.agreed)) {
      this.#violations.push(`a record of ${record.length} bytes where ${this.agreed} are agreed, its packet ${length}`)
      this.#client.destroy()
      return undefined
    }
    this.#parts.push(record.subarray(PACKET_HEADER_LENGTH))
    if (!isLast) return undefined
    const payload = Buffer.concat(this.#parts)
    this.#parts = []
    return { type: record.readUInt8(0), payload }
  }
}

/** SQL Server grants at most this under TLS, in bytes. */
const packetSizeFor = (login: Login7) => Math.min(login.packetSize, 16_383)

function loginAnswer(login: Login7, redirect: Routing | undefined): Buffer {
  const size = String(packetSizeFor(login))
  const fedAuth = login.features.some(({ id }) => id === Feature.FEDAUTH)
  return Buffer.concat([
    encodeTextChange(EnvChange.PACKET_SIZE, size, '4096'),
    encodeLoginAck('strict', [16, 0, 0, 0]),
    ...(redirect === undefined ? [] : [encodeRouting(redirect)]),
    ...(fedAuth ? [encodeFeatureExtAck([{ id: Feature.FEDAUTH, data: Buffer.alloc(0) }])] : []),
    encodeDone(DoneStatus.FINAL),
  ])
}

const doneFor = ({ type }: Request) =>
  encodeDone(type === PacketType.ATTENTION ? DoneStatus.ATTENTION : DoneStatus.FINAL)
