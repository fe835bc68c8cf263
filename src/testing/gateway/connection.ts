import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../clock.ts'
import {
  encodeFedAuthInfo,
  type FedAuthInfo,
  FedAuthLibrary,
  parseFedAuthRequest,
  parseFedAuthToken,
} from '../../tds/fed-auth.ts'
import { Feature, type Login7, MAX_LOGIN7_LENGTH, parseLogin7 } from '../../tds/login7.ts'
import { MessageStream } from '../../tds/message-stream.ts'
import { encodeMessage, PacketType } from '../../tds/packet.ts'
import { Encryption, encodePrelogin, parsePrelogin } from '../../tds/prelogin.ts'
import { TdsProtocolError } from '../../tds/protocol-error.ts'
import { acceptTls, acceptTlsInTds, TLS_HANDSHAKE_RECORD } from '../../tds/tls.ts'
import {
  DoneStatus,
  encodeDone,
  encodeError,
  encodeFeatureExtAck,
  encodeLoginAck,
  encodeRouting,
  type Routing,
} from '../../tds/tokens.ts'
import { azureMessage } from './azure-messages.ts'
import type { FaultAction, GatewayFaults, Stage } from './faults.ts'
import { DelayedLink } from './link-delay.ts'
import { LoginError, sqlLoginRefused } from './login-error.ts'
import { Relay } from './relay.ts'
import type { GatewayStatistics } from './stats.ts'
import type { TokenCheck, VerifiedToken } from './token-check.ts'
import { logInUpstream, type Upstream, type UpstreamSession } from './upstream.ts'

/** What the connections of a gateway have in common. */
export interface GatewayParts {
  checkToken: TokenCheck
  /** The SQL login that stands for a principal. */
  upstreamFor: (token: VerifiedToken) => Upstream
  fedAuthInfo: FedAuthInfo
  key: string
  certificate: string
  enforceExpiry: boolean
  /** For each direction, in ms. */
  linkDelay: number
  /** In ms. */
  loginTimeout: number
  clock: Clock
  faults: GatewayFaults
  statistics: GatewayStatistics
}

/** A PRELOGIN message is a few dozen bytes. */
const MAX_PRELOGIN_LENGTH = 4096

/** One client connection: its login, and then its session. */
export class GatewayConnection {
  readonly #parts: GatewayParts
  readonly #socket: Socket
  #upstream: Socket | undefined
  #relay: Relay | undefined
  #closed = false

  constructor(socket: Socket, parts: GatewayParts) {
    this.#socket = socket
    this.#parts = parts
    socket.on('error', () => this.close())
    socket.once('close', () => this.close())
  }

  /** Serves the connection until it ends. Never rejects: what a client sends ends its own connection and no other. */
  async serve(): Promise<void> {
    const { clock, loginTimeout, statistics } = this.#parts
    const timer = clock.setTimer(loginTimeout, () => this.close())
    try {
      const { relay, answer, client } = await this.#logIn().finally(() => statistics.loginEnded())
      timer.cancel()
      statistics.loggedIn()
      try {
        client.write(answer)
        await relay.run()
      } finally {
        statistics.loggedOut()
      }
    } catch {
      // The client was told where there was something to tell; here the connection only ends.
    } finally {
      timer.cancel()
      this.close()
    }
  }

  /** How long nothing has come or gone on the session, in ms; 0 before there is one. */
  get idleFor(): number {
    return this.#relay?.idleFor ?? 0
  }

  /** @param how - in order, or by a TCP reset */
  close(how: 'end' | 'reset' = 'end'): void {
    if (this.#closed) return
    this.#closed = true
    this.#parts.statistics.transferred(this.#socket.bytesRead, this.#socket.bytesWritten)
    if (how === 'reset') this.#socket.resetAndDestroy()
    else this.#socket.destroy()
    this.#upstream?.destroy()
  }

  async #logIn(): Promise<{ relay: Relay; answer: Buffer; client: Duplex }> {
    const { linkDelay, statistics } = this.#parts
    await this.#fault('accept')
    const link = linkDelay > 0 ? new DelayedLink(this.#socket, linkDelay) : this.#socket
    const client = await this.#secure(link)
    const messages = new MessageStream(client)
    const first = await messages.read(MAX_LOGIN7_LENGTH)
    statistics.roundTrip()
    if (first.type !== PacketType.LOGIN7) throw new TdsProtocolError('A login must begin with LOGIN7.')
    const login = parseLogin7(first.payload)
    try {
      const token = await this.#parts.checkToken(await this.#readToken(login, messages))
      const redirect = await this.#fault('login')
      if (redirect !== undefined) return this.#end(client, routed(redirect.redirect))
      const features = login.features.filter(({ id }) => id !== Feature.FEDAUTH)
      const upstream = await logInUpstream(this.#parts.upstreamFor(token), { ...login, features }, (socket) => {
        this.#upstream = socket
      })
      const reset = () => this.close('reset')
      const relay = new Relay({ client, upstream: upstream.stream, token, parts: this.#parts, reset })
      this.#relay = relay
      return { relay, answer: withFedAuthAck(upstream), client }
    } catch (error) {
      if (!(error instanceof LoginError)) throw error
      statistics.loginFailed(error.number ?? 0)
      return this.#end(client, Buffer.concat([...error.tokens.map(encodeError), done(DoneStatus.ERROR)]))
    }
  }

  /** PRELOGIN and TLS, in the order of TDS 7.x or of TDS 8.0. */
  async #secure(link: Duplex): Promise<Duplex> {
    const { key, certificate, statistics } = this.#parts
    const tls = { key, cert: certificate }
    const strict = (await firstByte(link)) === TLS_HANDSHAKE_RECORD
    const client = strict ? await acceptTls(link, tls) : link
    const messages = new MessageStream(client)
    const { type, payload } = await messages.read(MAX_PRELOGIN_LENGTH)
    if (type !== PacketType.PRELOGIN) throw new TdsProtocolError('A connection must begin with PRELOGIN.')
    const prelogin = parsePrelogin(payload)
    statistics.roundTrip()
    await this.#fault('prelogin')
    messages.write(
      PacketType.TABULAR_RESULT,
      encodePrelogin({
        version: { major: 16, minor: 0, build: 1000 },
        encryption: prelogin.encryption === Encryption.ON ? Encryption.ON : Encryption.REQUIRED,
        mars: false,
        ...(prelogin.fedAuthRequired && { fedAuthRequired: true }),
      }),
    )
    await this.#fault('tls')
    statistics.roundTrip()
    return strict ? client : acceptTlsInTds(link, tls)
  }

  /** Gets the token out of LOGIN7, or asks for it. */
  async #readToken(login: Login7, messages: MessageStream): Promise<string> {
    const feature = login.features.find(({ id }) => id === Feature.FEDAUTH)
    if (feature === undefined) throw sqlLoginRefused(login.userName)
    const request = parseFedAuthRequest(feature.data)
    if (request.library === FedAuthLibrary.SECURITY_TOKEN) return request.token
    messages.write(PacketType.TABULAR_RESULT, encodeFedAuthInfo(this.#parts.fedAuthInfo))
    const answer = await messages.read(MAX_LOGIN7_LENGTH)
    this.#parts.statistics.roundTrip()
    if (answer.type !== PacketType.FEDAUTH_TOKEN) throw new TdsProtocolError('FEDAUTHINFO must be answered by a token.')
    return parseFedAuthToken(answer.payload)
  }

  /** Lets a fault of this stage happen; gives a redirect back, which only the login can carry out. */
  async #fault(stage: Stage): Promise<Extract<FaultAction, { redirect: unknown }> | undefined> {
    const action = this.#parts.faults.take(stage)
    if (action === undefined) return undefined
    if ('redirect' in action) return action
    if ('delay' in action) await new Promise<void>((resolve) => this.#parts.clock.setTimer(action.delay, resolve))
    else if ('refuse' in action) {
      const { number, state = 1, message = azureMessage(number) } = action.refuse
      throw new LoginError({ number, state, class: action.refuse.class ?? 14, message })
    } else if ('hang' in action) await this.#untilClosed()
    else this.close('reset' in action ? 'reset' : 'end')
    if (this.#closed) throw new TdsProtocolError('The connection was closed.')
    return undefined
  }

  /** Hears nothing but the end. */
  async #untilClosed(): Promise<void> {
    if (this.#closed) return
    this.#socket.resume()
    await once(this.#socket, 'close')
  }

  /** Says the last thing to a client, and ends the connection once that is out. */
  #end(client: Duplex, answer: Buffer): Promise<never> {
    return new Promise((_, reject) => {
      client.end(encodeMessage(PacketType.TABULAR_RESULT, answer), () =>
        reject(new TdsProtocolError('The login ended.')),
      )
    })
  }
}

/** A login that was taken, but is to be made elsewhere. */
function routed(to: Routing): Buffer {
  const ack = encodeLoginAck('Microsoft SQL Server', [16, 0, 0, 0])
  return Buffer.concat([ack, encodeRouting(to), encodeFeatureExtAck([FEDAUTH_ACK]), done()])
}

const FEDAUTH_ACK = { id: Feature.FEDAUTH, data: Buffer.alloc(0) }

function done(status: number = DoneStatus.FINAL): Buffer {
  return encodeDone(status)
}

/** The server's own answer, with the acknowledgment of FEDAUTH that the client must have. */
function withFedAuthAck({ answer }: UpstreamSession): Buffer {
  const last = answer.findLastIndex(({ kind }) => kind === 'done')
  const features = answer.find(({ kind }) => kind === 'features')
  const ack = encodeFeatureExtAck([FEDAUTH_ACK])
  const merged = features === undefined ? ack : Buffer.concat([ack.subarray(0, -1), features.bytes.subarray(1)])
  const tokens = answer.flatMap((token, i) => {
    if (token === features) return []
    return i === last ? [merged, token.bytes] : [token.bytes]
  })
  return encodeMessage(PacketType.TABULAR_RESULT, Buffer.concat(tokens))
}

/** Looks at the first byte that comes, and leaves it there. */
async function firstByte(stream: Duplex): Promise<number | undefined> {
  const chunk = await new Promise<Buffer>((resolve, reject) => {
    stream.once('error', reject)
    stream.once('close', () => reject(new TdsProtocolError('The connection was closed before it began.')))
    stream.once('data', (data: Buffer) => {
      stream.pause()
      resolve(data)
    })
  })
  stream.unshift(chunk)
  return chunk[0]
}
