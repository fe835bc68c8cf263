import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TdsProtocolError } from '../../tds/bytes.ts'
import { Feature, type FedAuthInfo, FedAuthLibrary } from '../../tds/features.ts'
import { databaseIn } from '../../tds/login-response.ts'
import { type Login7, MAX_LOGIN7_LENGTH, parseLogin7 } from '../../tds/login7.ts'
import { readMessage, writeMessage } from '../../tds/messages.ts'
import { encodeMessage, PacketType } from '../../tds/packet.ts'
import { Encryption } from '../../tds/prelogin.ts'
import { greetClient, type ServerGreeting } from '../../tds/server-login.ts'
import { DoneStatus, encodeDone, encodeError, type Routing } from '../../tds/tokens.ts'
import { sleep } from '../../time/clock.ts'
import { azureMessage, echoRefused, LoginError, serverNameRefused, sqlLoginRefused } from './azure-errors.ts'
import type { GatewayEvent } from './events.ts'
import type { FaultAction, Stage } from './faults.ts'
import { encodeFedAuthInfo, parseFedAuthRequest, parseFedAuthToken } from './fed-auth.ts'
import { DelayedLink, PacketLink } from './packet-link.ts'
import { type Listener, type RedirectOptions, redirectTokens } from './redirect.ts'
import { Relay, type SessionSettings } from './relay.ts'
import { type GatewayKind, type GatewayRule, RuleBroken, rulesBrokenByLogin7, rulesBrokenByPrelogin } from './rules.ts'
import type { TokenCheck, VerifiedToken } from './token-check.ts'
import { encodeAcceptedLogin, FEDAUTH_ACK, type LoginAnswerOptions, logInUpstream, type Upstream } from './upstream.ts'

/** A gateway's options with their defaults, and what its connections share. */
export interface GatewaySettings extends SessionSettings {
  checkToken: TokenCheck
  /** The SQL login for a principal. */
  upstreamFor: (token: VerifiedToken) => Upstream
  fedAuthInfo: FedAuthInfo
  /** For each direction, in ms. */
  linkDelay: number
  /** In ms. */
  loginTimeout: number
  kind: GatewayKind
  /** The rules in force. */
  rules: ReadonlySet<GatewayRule>
  redirect: RedirectOptions
  loginAnswer: LoginAnswerOptions
  onEvent: ((event: GatewayEvent) => void) | undefined
}

/** Features of LOGIN7 that the gateway handles itself. */
const OWN_FEATURES: ReadonlySet<number> = new Set([Feature.FEDAUTH, Feature.ENHANCED_ROUTING])

/** A client's half of a TLS 1.2 handshake: ClientHello, and what ends with Finished. */
const TLS_FLIGHTS = 2

/** One client connection: its login, and then its session. */
export class GatewayConnection {
  readonly #settings: GatewaySettings
  readonly #listener: Listener
  readonly #socket: Socket
  readonly #ended = new AbortController()
  #client: PacketLink | undefined
  #fedAuthRequired = false
  #relay: Relay | undefined
  #closed = false

  constructor(socket: Socket, listener: Listener, settings: GatewaySettings) {
    this.#socket = socket
    this.#listener = listener
    this.#settings = settings
    socket.on('error', () => this.close())
    socket.once('close', () => this.close())
  }

  /** Serves the connection until it ends. Never rejects: what a client sends ends its own connection and no other. */
  async serve(): Promise<void> {
    const { clock, loginTimeout, statistics } = this.#settings
    const timer = clock.setTimer(loginTimeout, () => this.close())
    try {
      const { relay, answer, client, packetSize } = await this.#logIn().finally(() => statistics.loginEnded())
      timer.cancel()
      statistics.loggedIn()
      try {
        client.write(answer)
        client.packetSize = packetSize
        await relay.run()
      } finally {
        statistics.loggedOut()
      }
    } catch {
      // The client has its answer, if there is one. Only the connection is left to close.
    } finally {
      timer.cancel()
      this.close()
    }
  }

  /** How long the session has been idle, in ms; 0 before there is one. */
  get idleFor(): number {
    return this.#relay?.idleFor ?? 0
  }

  /** @param how - cleanly, or by a TCP reset */
  close(how: 'end' | 'reset' = 'end'): void {
    if (this.#closed) return
    this.#closed = true
    this.#settings.statistics.transferred(this.#socket.bytesRead, this.#socket.bytesWritten)
    if (how === 'reset') this.#socket.resetAndDestroy()
    else this.#socket.destroy()
    this.#ended.abort()
  }

  async #logIn(): Promise<{ relay: Relay; answer: Buffer; client: PacketLink; packetSize: number }> {
    const { linkDelay, statistics } = this.#settings
    await this.#fault('accept')
    const link = linkDelay > 0 ? new DelayedLink(this.#socket, linkDelay) : this.#socket
    await greetClient(link, this.#greeting())
    const client = this.#client
    if (client === undefined) throw new TdsProtocolError('A login must be encrypted.')
    const { type, payload: message } = await readMessage(client, MAX_LOGIN7_LENGTH)
    if (type !== PacketType.LOGIN7) throw new TdsProtocolError('A login must begin with LOGIN7.')
    statistics.roundTrip()
    this.#insistOn(rulesBrokenByLogin7(message))
    const login = parseLogin7(message)
    try {
      this.#checkNames(login)
      const { next } = this.#listener
      const { at = 'token' } = this.#settings.redirect
      if (next !== undefined && at === 'login7') return this.#redirect(client, login, next)
      const token = await this.#settings.checkToken(await this.#readToken(login, client))
      const fault = await this.#fault('login')
      if (fault !== undefined) return this.#redirect(client, login, fault.redirect)
      if (next !== undefined) return this.#redirect(client, login, next)
      const features = login.features.filter(({ id }) => !OWN_FEATURES.has(id))
      const login7 = { ...login, features }
      const upstream = await logInUpstream(this.#settings.upstreamFor(token), login7, this.#ended.signal)
      const reset = () => this.close('reset')
      const relay = new Relay(client, upstream.stream, token, this.#settings, reset)
      this.#relay = relay
      const { objectId } = token
      this.#settings.onEvent?.({ type: 'gateway.login', objectId, database: databaseIn(upstream.answer) })
      const tokens = encodeAcceptedLogin(upstream.answer, login, this.#settings.kind, this.#settings.loginAnswer)
      const answer = encodeMessage(PacketType.TABULAR_RESULT, tokens)
      return { relay, answer, client, packetSize: upstream.packetSize }
    } catch (error) {
      if (!(error instanceof LoginError)) throw error
      const { number, message, byUpstream } = error
      statistics.loginFailed(number)
      this.#settings.onEvent?.({ type: 'gateway.login-refused', number, message, byUpstream })
      return this.#end(client, Buffer.concat([...error.tokens.map(encodeError), done(DoneStatus.ERROR)]))
    }
  }

  /** TLS from PRELOGIN on, whatever the client asks for. */
  #greeting(): ServerGreeting {
    const { statistics } = this.#settings
    const { key, certificate } = this.#listener
    return {
      key,
      certificate,
      answer: async (client, message, strict) => {
        statistics.roundTrip()
        await this.#fault('prelogin')
        this.#insistOn(strict ? [] : ['tds8-only'])
        this.#insistOn(rulesBrokenByPrelogin(message))
        this.#fedAuthRequired = client.fedAuthRequired === true
        return {
          version: { major: 16, minor: 0, build: 1000 },
          encryption: client.encryption === Encryption.ON ? Encryption.ON : Encryption.REQUIRED,
          mars: false,
          ...(client.fedAuthRequired && { fedAuthRequired: true }),
        }
      },
      answered: async () => {
        await this.#fault('tls')
        statistics.roundTrip()
      },
      secured: (tls, messages) => {
        this.#client = new PacketLink(tls, this.#settings.rules, (rule) => this.#hangUp(rule))
        // A client that is gone when it is written to costs its connection, and not the process.
        this.#client.on('error', () => this.close())
        this.#insistOn(messages === undefined || messages === TLS_FLIGHTS ? [] : ['message-per-flight'])
        return this.#client
      },
    }
  }

  /** Hangs up if one of these rules is in force. @throws {@link RuleBroken} */
  #insistOn(broken: readonly GatewayRule[]): void {
    const rule = broken.find((each) => this.#settings.rules.has(each))
    if (rule === undefined) return
    this.#hangUp(rule)
    throw new RuleBroken(rule)
  }

  #hangUp(rule: GatewayRule): void {
    if (this.#closed) return
    this.#settings.statistics.hungUp(rule)
    this.close()
  }

  /** @throws {@link RuleBroken}, or {@link LoginError} if the client gets an answer */
  #checkNames({ serverName, features }: Login7): void {
    const { isCalled, isWorker } = this.#listener
    if (!isCalled(serverName) && this.#settings.rules.has('server-name')) {
      // A worker of Fabric only closes the connection (mssql-rs #25).
      if (isWorker) this.#insistOn(['server-name'])
      this.#settings.statistics.hungUp('server-name')
      throw serverNameRefused(serverName)
    }
    const fedAuth = features.find(({ id }) => id === Feature.FEDAUTH)
    if (fedAuth === undefined || !this.#settings.rules.has('fedauth-echo')) return
    if (parseFedAuthRequest(fedAuth.data).echo === this.#fedAuthRequired) return
    this.#settings.statistics.hungUp('fedauth-echo')
    throw echoRefused()
  }

  #redirect(client: Duplex, login: Login7, to: Routing): Promise<never> {
    this.#settings.statistics.redirected()
    const tokens = redirectTokens(login, to, this.#settings.redirect, FEDAUTH_ACK)
    return this.#end(client, Buffer.concat([tokens, done()]))
  }

  /** Gets the token out of LOGIN7, or asks for it. */
  async #readToken(login: Login7, client: Duplex): Promise<string> {
    const feature = login.features.find(({ id }) => id === Feature.FEDAUTH)
    if (feature === undefined) throw sqlLoginRefused(login.userName)
    const request = parseFedAuthRequest(feature.data)
    if (request.library === FedAuthLibrary.SECURITY_TOKEN) return request.token
    writeMessage(client, PacketType.TABULAR_RESULT, encodeFedAuthInfo(this.#settings.fedAuthInfo))
    const answer = await readMessage(client, MAX_LOGIN7_LENGTH)
    this.#settings.statistics.roundTrip()
    if (answer.type !== PacketType.FEDAUTH_TOKEN) throw new TdsProtocolError('FEDAUTHINFO must be answered by a token.')
    return parseFedAuthToken(answer.payload)
  }

  /** Applies a fault of this stage; returns a redirect, which only the login can carry out. */
  async #fault(stage: Stage): Promise<Extract<FaultAction, { redirect: unknown }> | undefined> {
    const action = this.#settings.faults.take(({ at }) => at === stage)?.action
    if (action === undefined) return undefined
    if ('redirect' in action) return action
    if ('delay' in action) await sleep(this.#settings.clock, action.delay)
    else if ('refuse' in action) {
      const { number, state = 1, message = azureMessage(number) } = action.refuse
      throw new LoginError({ number, state, class: action.refuse.class ?? 14, message })
    } else if ('hang' in action) await this.#untilClosed()
    else this.close('reset' in action ? 'reset' : 'end')
    if (this.#closed) throw new TdsProtocolError('The connection was closed.')
    return undefined
  }

  /** Ignores everything but the end of the connection. */
  async #untilClosed(): Promise<void> {
    if (this.#closed) return
    this.#socket.resume()
    await once(this.#socket, 'close')
  }

  /** Sends a client its last message, and then ends the connection. */
  #end(client: Duplex, answer: Buffer): Promise<never> {
    return new Promise((_, reject) => {
      client.end(encodeMessage(PacketType.TABULAR_RESULT, answer), () =>
        reject(new TdsProtocolError('The login ended.')),
      )
    })
  }
}

function done(status: number = DoneStatus.FINAL): Buffer {
  return encodeDone(status)
}
