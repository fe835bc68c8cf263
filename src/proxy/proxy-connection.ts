import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { EntraError } from '../errors/entra-error.ts'
import { type ConnectTiming, openWithRetries } from '../login/retry.ts'
import { databaseOf, type Target } from '../login/target.ts'
import { logInWithToken, packetSizeFor, type UpstreamSession } from '../login/token-login.ts'
import { agreedPacketSize } from '../tds/login-response.ts'
import type { Login7 } from '../tds/login7.ts'
import { hasRecords, limitRecords, writeMessage } from '../tds/messages.ts'
import { DEFAULT_PACKET_SIZE, PacketType } from '../tds/packet.ts'
import { Encryption } from '../tds/prelogin.ts'
import { greetClient, readLogin7, UnreadableLoginError } from '../tds/server-login.ts'
import { Alarm } from '../time/alarm.ts'
import type { Clock, Random } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { TokenSource } from '../token/token-source.ts'
import { type LocalLogin, REASONS, type Refusal, refusalOf } from './admission.ts'
import {
  answerFor,
  doorsRefusal,
  failedLogin,
  failureOf,
  type LoginFailure,
  ownersRefusal,
  UNREADABLE_LOGIN,
} from './answers.ts'
import type { ProxyEvent, ProxyStats } from './events.ts'
import { type Peer, peerOf } from './peer.ts'
import { lastWords, relay } from './relay.ts'

/** A token that is younger, in ms, was asked for by this command, or by the one before it. */
const JUST_GIVEN = 30_000

/** What a client asks for, as far as its owner may want to judge it. */
export interface ClientWishes {
  /** The target's where the client names none; empty where that has none either. */
  database: string
  applicationName: string
}

/** What the connections of a proxy have in common. */
export interface ProxyParts {
  target: Target
  tokenSource: TokenSource
  audience: string
  localLogin: LocalLogin
  refuse: ((wishes: ClientWishes) => string | undefined) | undefined
  key: string
  certificate: string
  /** In ms. */
  loginTimeout: number
  timing: ConnectTiming & { waitTimeout: number }
  endAtExpiry: boolean
  unref: boolean
  clock: Clock
  random: Random
  emit: (event: ProxyEvent) => void
  stats: ProxyStats
  /** Databases that could be opened before, in lower case. */
  opened: Set<string>
}

/** A client that is not let in: why, and what it is told. */
interface TurnedAway {
  reason: Refusal
  failure: LoginFailure
}

const UNREADABLE: TurnedAway = { reason: 'unreadable', failure: UNREADABLE_LOGIN }

function ifUnreadable(error: unknown): undefined {
  if (!(error instanceof UnreadableLoginError)) throw error
}

/** One client connection and, once it is logged in, one connection upstream for all of its life. */
export class ProxyConnection {
  readonly #socket: Socket
  readonly #parts: ProxyParts
  /** Ends all that is done for this client. */
  readonly #gone = new AbortController()
  #expiry: Alarm | undefined

  constructor(socket: Socket, parts: ProxyParts) {
    this.#socket = socket
    this.#parts = parts
    socket.on('error', () => {})
  }

  /** Serves the client until it goes. Never rejects: what a client sends ends its own connection and no other. */
  async serve(): Promise<void> {
    try {
      const admitted = await this.#admit()
      if (admitted !== undefined) await this.#sign(admitted.login, admitted.client)
    } catch {
      // The client was told where there was something to tell; here the connection only ends.
    } finally {
      this.close()
    }
  }

  close(): void {
    this.#expiry?.cancel()
    this.#gone.abort(new EntraError('CLOSED', 'The client has gone.'))
    this.#socket.destroy()
  }

  /** The client's login; undefined where it was turned away. Nothing is asked of Entra or the server before its end. */
  async #admit(): Promise<{ login: Login7; client: Duplex } | undefined> {
    const { clock, emit, key, certificate, loginTimeout, stats } = this.#parts
    const timer = clock.setTimer(loginTimeout, () => this.close())
    try {
      const peer = this.#peer()
      const answer = ({ encryption }: { encryption: number }) => preloginFor(encryption)
      const greeted = await greetClient(this.#socket, { key, certificate, answer })
      const login = await readLogin7(greeted.login).catch(ifUnreadable)
      const client = greeted.session()
      const turnedAway = login === undefined ? UNREADABLE : this.#judge(login, await peer)
      if (login !== undefined && turnedAway === undefined) return { login, client }
      const { reason, failure } = turnedAway ?? UNREADABLE
      stats.refused[reason]++
      emit({ type: 'proxy.login-refused', at: clock.now(), reason })
      await this.#refuse(client, failure)
      return undefined
    } finally {
      timer.cancel()
    }
  }

  #judge(login: Login7, peer: Peer): TurnedAway | undefined {
    const { localLogin, refuse, target } = this.#parts
    const { applicationName, userName } = login
    const reason = refusalOf(login, localLogin, peer)
    if (reason !== undefined) return { reason, failure: doorsRefusal(userName, REASONS[reason]) }
    const why = refuse?.({ database: databaseOf(login, target), applicationName })
    return why === undefined ? undefined : { reason: 'owner', failure: ownersRefusal(userName, why) }
  }

  #peer() {
    const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = this.#socket
    return peerOf({ address: remoteAddress, port: remotePort }, { address: localAddress, port: localPort })
  }

  /** Signs in upstream for a client that was let in, and passes bytes until one of them goes. */
  async #sign(login: Login7, client: Duplex): Promise<void> {
    const { clock, emit, stats, target } = this.#parts
    const stopWatching = this.#watch(client)
    let session: UpstreamSession
    try {
      session = await this.#open({ ...login, packetSize: packetSizeFor(login.packetSize, hasRecords(client)) })
    } catch (error) {
      this.#gone.signal.throwIfAborted()
      stats.failures++
      emit({ type: 'proxy.login-failed', at: clock.now(), error: error as Error })
      const attempt = { user: login.userName, database: databaseOf(login, target), server: target.host }
      await this.#refuse(client, failureOf(error, attempt))
      return
    } finally {
      stopWatching()
    }
    await this.#run(login, client, session)
  }

  async #open(login: Login7): Promise<UpstreamSession> {
    const { target, audience, clock, opened, stats } = this.#parts
    const database = databaseOf(login, target).toLowerCase()
    const { lease, opened: session } = await openWithRetries({
      source: this.#parts.tokenSource,
      open: ({ token }, signal) => logInWithToken(target, login, token, { audience, clock, signal }),
      timing: this.#parts.timing,
      clock,
      random: this.#parts.random,
      signal: this.#gone.signal,
      emit: this.#parts.emit,
      // A credential that has just given a token has no better one, and may take seconds to say so.
      replaceable: (lease) => lease.now() - lease.acquiredAt >= JUST_GIVEN,
      databaseWasOpened: opened.has(database),
      // A server that cannot be reached is told at once: whoever started the command sits before the screen. One that
      // was reached and takes no login in time is a database that wakes up, as Fabric's do.
      patient: (error) => error instanceof EntraError && (error.number !== undefined || error.code === 'LOGIN_TIMEOUT'),
    })
    opened.add(database)
    stats.redirects += session.redirects.length
    if (this.#parts.unref) session.socket.unref()
    if (this.#parts.endAtExpiry) this.#endAt(lease)
    return session
  }

  async #run(login: Login7, client: Duplex, session: UpstreamSession): Promise<void> {
    const { clock, emit, stats, target } = this.#parts
    const number = ++stats.sessions
    const openedAt = clock.now()
    const { applicationName } = login
    stats.sessionsOpen++
    const database = databaseOf(login, target)
    emit({ type: 'proxy.session-opened', at: openedAt, session: number, applicationName, database })
    try {
      const answer = answerFor(session.tokens, login.features)
      await writeMessage(client, PacketType.TABULAR_RESULT, answer, DEFAULT_PACKET_SIZE, session.spid)
      limitRecords(client, agreedPacketSize(session.tokens))
      await relay(client, session.stream, clock)
    } finally {
      stats.sessionsOpen--
      const at = clock.now()
      const { bytesRead: bytesIn, bytesWritten: bytesOut } = this.#socket
      emit({ type: 'proxy.session-closed', at, session: number, durationMs: at - openedAt, bytesIn, bytesOut })
    }
  }

  #refuse(client: Duplex, failure: LoginFailure): Promise<void> {
    return lastWords(client, failedLogin(failure), this.#parts.clock)
  }

  /** Closes when the client goes. While nobody reads from it, that would be noticed by nobody. */
  #watch(client: Duplex): () => void {
    const onGone = () => this.close()
    const onReadable = () => {
      if (client.readableLength === 0) client.read(0)
    }
    client.on('end', onGone).on('readable', onReadable)
    this.#socket.on('close', onGone)
    return () => {
      client.off('end', onGone).off('readable', onReadable)
      this.#socket.off('close', onGone)
    }
  }

  #endAt(lease: Lease): void {
    const { clock } = this.#parts
    const left = () => lease.expiresOn - clock.now()
    const expiry = new Alarm(clock, () => {
      if (left() <= 0) this.close()
      else expiry.set(left())
    })
    expiry.set(left())
    this.#expiry = expiry
  }
}

/**
 * What a client is answered to PRELOGIN, by what it says of encryption. A client that cannot encrypt is served in the
 * clear, which never leaves this machine; one that says OFF has its login encrypted, as SQL Server does it.
 */
export function preloginFor(client: number) {
  const encryption = client === Encryption.OFF || client === Encryption.NOT_SUPPORTED ? client : Encryption.ON
  return { version: { major: 16, minor: 0, build: 1000 }, encryption, mars: false }
}
