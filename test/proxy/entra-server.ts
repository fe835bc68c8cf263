import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Feature, FedAuthLibrary } from '../../src/tds/features.ts'
import type { Login7 } from '../../src/tds/login7.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { Encryption, type Prelogin } from '../../src/tds/prelogin.ts'
import { greetClient, readLogin7 } from '../../src/tds/server-login.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeError,
  encodeFeatureExtAck,
  encodeLoginAck,
  type Routing,
} from '../../src/tds/tokens.ts'
import { parseFedAuthRequest } from '../../src/testing/gateway/fed-auth.ts'
import { encodeRouting, encodeTextChange } from '../../src/testing/gateway/server-tokens.ts'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'

/** A login as it arrived. */
export interface SeenLogin {
  login: Login7
  token: string | undefined
  echo: boolean | undefined
  prelogin: Prelogin
}

/** A packet of a session, its payload by length. */
export interface SeenPacket {
  type: number
  status: number
  length: number
}

/** Error tokens in their order: the first one's number and message, and those of what comes behind it. */
export interface Refusal {
  refuse: number
  message?: string
  next?: Refusal
}

/** How a login is answered. */
export type LoginReply = 'accept' | 'without-token' | 'hang' | 'drop' | Refusal | Routing

export interface EntraServerOptions {
  /** What it says of encryption. @defaultValue ON */
  encryption?: number
  /** The names in its certificate. @defaultValue localhost */
  hosts?: string[]
  /** What it says of FEDAUTHREQUIRED. @defaultValue nothing */
  fedAuthRequired?: boolean
  reply?: (seen: SeenLogin) => LoginReply
  /** Serves a session. @defaultValue every message is answered by DONE */
  serve?: (stream: Duplex) => Promise<void>
}

export const SPID = 57

/** A TDS server that takes tokens, on the product's own half of the protocol: it shows what arrived. */
export class EntraServer {
  readonly logins: SeenLogin[] = []
  readonly packets: SeenPacket[] = []
  /** TCP connections so far. */
  connections = 0
  readonly sockets = new Set<Socket>()
  reply: (seen: SeenLogin) => LoginReply
  port = 0
  ca = ''
  readonly #options: EntraServerOptions
  readonly #server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  #tls = { key: '', certificate: '' }

  constructor(options: EntraServerOptions) {
    this.#options = options
    this.reply = options.reply ?? (() => 'accept')
  }

  async start(): Promise<this> {
    const authority = await createCertificateAuthority()
    this.ca = authority.certificate
    this.#tls = await authority.issue({ hosts: this.#options.hosts ?? ['localhost'] })
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Takes every login again, and forgets what it has seen. */
  forget(): void {
    this.reply = () => 'accept'
    this.logins.length = 0
    this.packets.length = 0
    this.connections = 0
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    this.connections++
    this.sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.sockets.delete(socket))
    this.#serve(socket).catch(() => socket.destroy())
  }

  async #serve(socket: Socket): Promise<void> {
    let prelogin: Prelogin | undefined
    const { encryption = Encryption.ON, fedAuthRequired } = this.#options
    const greeted = await greetClient(socket, {
      ...this.#tls,
      answer: (client) => {
        prelogin = client
        const version = { major: 16, minor: 0, build: 0 }
        return { version, encryption, ...(fedAuthRequired !== undefined && { fedAuthRequired }) }
      },
    })
    const login = await readLogin7(greeted.login)
    const stream = greeted.session()
    if (login === undefined) throw new Error('No LOGIN7 came.')
    const seen: SeenLogin = { login, prelogin: prelogin as Prelogin, ...tokenIn(login) }
    this.logins.push(seen)
    const reply = this.reply(seen)
    if (reply === 'hang') return
    if (reply === 'drop') throw new Error('dropped')
    if (typeof reply !== 'string') {
      const tokens =
        'refuse' in reply
          ? [...refusals(reply), encodeDone(DoneStatus.ERROR)]
          : [encodeLoginAck('Entra', [16, 0, 0, 0]), encodeRouting(reply), encodeDone(DoneStatus.FINAL)]
      stream.end(encodeMessage(PacketType.TABULAR_RESULT, Buffer.concat(tokens), 4096, SPID))
      return
    }
    stream.write(acceptance(login, reply === 'accept'))
    await (this.#options.serve ?? ((session) => this.#answerAll(session)))(stream)
  }

  async #answerAll(stream: Duplex): Promise<void> {
    const packets = new PacketReader()
    for await (const chunk of stream) {
      for (const { type, status, payload } of packets.push(chunk as Buffer)) {
        this.packets.push({ type, status, length: payload.length })
        if ((status & PacketStatus.END_OF_MESSAGE) === 0) continue
        const done = type === PacketType.ATTENTION ? DoneStatus.ATTENTION : DoneStatus.FINAL
        stream.write(encodeMessage(PacketType.TABULAR_RESULT, encodeDone(done), 4096, SPID))
      }
    }
  }
}

function tokenIn(login: Login7): { token: string | undefined; echo: boolean | undefined } {
  const feature = login.features.find(({ id }) => id === Feature.FEDAUTH)
  const request = feature && parseFedAuthRequest(feature.data)
  if (request?.library !== FedAuthLibrary.SECURITY_TOKEN) return { token: undefined, echo: undefined }
  return { token: request.token, echo: request.echo }
}

function refusals({ refuse: number, message = `Refused with ${number}.`, next }: Refusal): Buffer[] {
  const error = encodeError({ number, state: 5, class: 14, message, serverName: 'entra-server', line: 65_536 })
  return next === undefined ? [error] : [error, ...refusals(next)]
}

function acceptance(login: Login7, withToken: boolean): Buffer {
  const features = login.features
    .filter(({ id }) => id !== Feature.FEDAUTH || withToken)
    .map(({ id }) => ({ id, data: id === Feature.FEDAUTH ? Buffer.alloc(0) : Buffer.from([1]) }))
  const tokens = [
    encodeTextChange(EnvChange.DATABASE, login.database || 'home', 'master'),
    encodeTextChange(EnvChange.PACKET_SIZE, String(login.packetSize), '4096'),
    encodeLoginAck('Entra', [16, 0, 0, 0]),
    ...(features.length > 0 ? [encodeFeatureExtAck(features)] : []),
    encodeDone(DoneStatus.FINAL),
  ]
  return encodeMessage(PacketType.TABULAR_RESULT, Buffer.concat(tokens), 4096, SPID)
}

export const startEntraServer = (options: EntraServerOptions = {}): Promise<EntraServer> =>
  new EntraServer(options).start()
