import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { EntraError } from '../errors/entra-error.ts'
import { openWithRetries } from '../login/retry.ts'
import { databaseOf } from '../login/target.ts'
import { logInWithToken, packetSizeFor, type UpstreamSession } from '../login/token-login.ts'
import { LOGIN_FAILED } from '../login/token-refusal.ts'
import { agreedPacketSize } from '../tds/login-response.ts'
import type { Login7 } from '../tds/login7.ts'
import { hasRecords, limitRecords, writeMessage } from '../tds/messages.ts'
import { DEFAULT_PACKET_SIZE, encodeMessage, PacketType } from '../tds/packet.ts'
import { Encryption } from '../tds/prelogin.ts'
import { greetClient, OldClientError, readLogin7 } from '../tds/server-login.ts'
import { Alarm } from '../time/alarm.ts'
import type { Lease } from '../token/lease.ts'
import type { KeyAndCertificate } from '../x509/certificates.ts'
import { faultIn, type LocalLogin, REFUSED_CLIENTS, type RefusalReason, refusalReason } from './admission.ts'
import {
  acceptedLogin,
  EXPIRED_SESSION,
  encodeFailure,
  type FailureAnswer,
  failedLogin,
  OWN_MESSAGE,
  refusedBatch,
  refusedLogin,
  UNREADABLE_LOGIN,
} from './answers.ts'
import type { BudgetedConnection, ConnectionBudget } from './connection-budget.ts'
import type { Databases } from './databases.ts'
import type { ProxyStats } from './events.ts'
import { isGone, peerOf, type SocketAddress } from './peer.ts'
import { beginningOf, relay, sendLast } from './relay.ts'
import type { ProxySettings } from './settings.ts'

/** A token that is younger, in ms, was requested by this command, or by the one before it. */
const JUST_ACQUIRED = 30_000

/** What the connections of one proxy share. */
export interface Shared {
  settings: ProxySettings
  tls: KeyAndCertificate
  localLogin: LocalLogin
  stats: ProxyStats
  databases: Databases
  budget: ConnectionBudget
}

/** One client connection and, once it is logged in, one connection upstream for all of its life. */
export class ProxyConnection implements BudgetedConnection {
  readonly #socket: Socket
  readonly #shared: Shared
  /** Aborts everything that is under way for this client. */
  readonly #gone = new AbortController()
  /** Ends the session, because its token has expired. */
  readonly #expired = new AbortController()
  #expiry: Alarm | undefined
  #refused = false

  constructor(socket: Socket, shared: Shared) {
    this.#socket = socket
    this.#shared = shared
    socket.on('error', () => {})
  }

  /** Serves the client until it goes. Never rejects: bad input from a client only ends its own connection. */
  async serve(): Promise<void> {
    try {
      this.#shared.budget.add(this)
      const admitted = await this.#admit()
      if (admitted === undefined) return
      this.#shared.budget.endLogin(this)
      await this.#signIn(admitted.login, admitted.client)
    } catch {
      // The client has its answer, if there is one. Only the connection is left to close.
    } finally {
      this.close()
    }
  }

  close(): void {
    this.#expiry?.cancel()
    this.#shared.budget.remove(this)
    this.#gone.abort(new EntraError('CLOSED', 'The client has gone.'))
    this.#socket.destroy()
  }

  refuseAsTooMany(): void {
    this.#refuse('too-many')
  }

  /** The client's login; undefined if it was refused. Until it is admitted, neither Entra nor the server is asked. */
  async #admit(): Promise<{ login: Login7; client: Duplex } | undefined> {
    const { clock, loginTimeout } = this.#shared.settings
    const timer = clock.setTimer(loginTimeout, () => this.#refuse('timeout'))
    try {
      if (!(await this.#isOurs())) return undefined
      this.#shared.budget.beginLogin(this)
      const answer = ({ encryption }: { encryption: number }) => preloginFor(encryption)
      const greeted = await greetClient(this.#socket, { ...this.#shared.tls, answer })
      const login = await readLogin7(greeted.login)
      const client = greeted.session()
      const refused = this.#refusalOf(login)
      if (refused === undefined) return login && { login, client }
      await this.#refuseWith(refused.reason, client, refused.answer, login?.tdsVersion)
    } catch (error) {
      if (error instanceof OldClientError) {
        const answer = refusedLogin(LOGIN_FAILED, '', REFUSED_CLIENTS['tds-version'])
        await this.#refuseWith('tds-version', this.#socket, answer, error.tdsVersion)
      }
      // A client that went away was not refused.
      else if (!this.#socket.readableEnded && !this.#socket.errored) this.#refuse(faultIn(error))
    } finally {
      timer.cancel()
    }
    return undefined
  }

  /** Whether the client is of our own user, as far as the system tells. */
  async #isOurs(): Promise<boolean> {
    const peer = await peerOf(...this.#ends())
    if (this.#socket.destroyed) return false
    if (peer === 'other-user') this.#refuse(peer)
    return peer === 'same-user' || peer === 'unknown'
  }

  /** The client's end of the connection, and ours. */
  #ends(): [SocketAddress, SocketAddress] {
    const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = this.#socket
    return [
      { address: remoteAddress, port: remotePort },
      { address: localAddress, port: localPort },
    ]
  }

  /** Why a client is refused, and its error; undefined if it is admitted. */
  #refusalOf(login: Login7 | undefined): { reason: RefusalReason; answer: FailureAnswer } | undefined {
    if (login === undefined) return { reason: 'unreadable', answer: UNREADABLE_LOGIN }
    const { refuse, target } = this.#shared.settings
    const { applicationName, userName } = login
    const reason = refusalReason(login, this.#shared.localLogin)
    if (reason !== undefined) return { reason, answer: refusedLogin(LOGIN_FAILED, userName, REFUSED_CLIENTS[reason]) }
    const why = refuse?.({ database: databaseOf(login, target), applicationName })
    return why === undefined ? undefined : { reason: 'owner', answer: refusedLogin(OWN_MESSAGE, userName, why) }
  }

  /** Refuses the client and tells it why. */
  async #refuseWith(reason: RefusalReason, client: Duplex, answer: FailureAnswer, tdsVersion?: number): Promise<void> {
    this.#countRefusal(reason)
    await sendLast(client, encodeFailure(answer, tdsVersion), this.#shared.settings.clock)
  }

  /** Refuses the client without a word. */
  #refuse(reason: RefusalReason): void {
    this.#countRefusal(reason)
    this.close()
  }

  #countRefusal(reason: RefusalReason): void {
    if (this.#refused) return
    this.#refused = true
    const { clock, emit } = this.#shared.settings
    this.#shared.stats.refused[reason]++
    emit({ type: 'proxy.login-refused', at: clock.now(), reason })
  }

  /** Signs in upstream for a client that was admitted, and relays until one of the two goes. */
  async #signIn(login: Login7, client: Duplex): Promise<void> {
    const { stats, databases, settings } = this.#shared
    const { clock, emit, target } = settings
    const database = databaseOf(login, target)
    const asked = { ...login, packetSize: packetSizeFor(login.packetSize, hasRecords(client)) }
    const unwatch = this.#watch(client)
    let session: UpstreamSession
    stats.signingIn++
    try {
      const opening = databases.open(database, () => this.#open(database, asked), this.#gone.signal)
      session = await opening.finally(() => stats.signingIn--)
    } catch (error) {
      this.#gone.signal.throwIfAborted()
      stats.failures++
      emit({ type: 'proxy.login-failed', at: clock.now(), error: error as Error })
      const answer = failedLogin(error, { user: login.userName, database, server: target.host })
      await sendLast(client, encodeFailure(answer), clock)
      return
    } finally {
      unwatch()
    }
    await this.#run(login, client, session)
  }

  async #open(database: string, login: Login7): Promise<UpstreamSession> {
    const { target, audience, clock, unref, endAtExpiry } = this.#shared.settings
    const { lease, opened: session } = await openWithRetries(
      ({ token }, signal) => logInWithToken(target, login, token, { audience, clock, signal }),
      {
        ...this.#shared.settings,
        signal: this.#gone.signal,
        // A credential that has just returned a token has no better one, and may take seconds to say so.
        isReplaceable: (lease) => lease.now() - lease.acquiredAt >= JUST_ACQUIRED,
        databaseWasOpened: this.#shared.databases.wasOpened(database),
        // If the server cannot be reached, say so at once: somebody waits for this command. If it was reached but takes
        // too long, a database is waking up, as Fabric's do.
        isWorthWaiting: (error) => error.number !== undefined || error.code === 'LOGIN_TIMEOUT',
      },
    )
    this.#shared.stats.redirects += session.redirects.length
    if (unref) session.socket.unref()
    if (endAtExpiry) this.#closeAtExpiry(lease)
    return session
  }

  async #run(login: Login7, client: Duplex, session: UpstreamSession): Promise<void> {
    const { stats, settings } = this.#shared
    const { clock, emit, target, refuseStatement } = settings
    const number = ++stats.sessions
    const openedAt = clock.now()
    const { applicationName } = login
    const { tokens, spid, stream } = session
    stats.sessionsOpen++
    const database = databaseOf(login, target)
    emit({ type: 'proxy.session-opened', at: openedAt, session: number, applicationName, database })
    try {
      await writeMessage(client, PacketType.TABULAR_RESULT, acceptedLogin(tokens, login), DEFAULT_PACKET_SIZE, spid)
      const packetSize = agreedPacketSize(tokens)
      limitRecords(client, packetSize)
      const message = (failure: FailureAnswer) =>
        encodeMessage(PacketType.TABULAR_RESULT, encodeFailure(failure), packetSize, spid)
      await relay(client, stream, {
        clock,
        clientIsGone: () => isGone(...this.#ends()),
        answer: (packet) => {
          const why = refuseStatement?.(beginningOf(packet))
          return why === undefined ? undefined : message(refusedBatch(why))
        },
        expiry: this.#expired.signal,
        farewell: () => message(EXPIRED_SESSION),
      })
    } finally {
      stats.sessionsOpen--
      const at = clock.now()
      const { bytesRead: bytesIn, bytesWritten: bytesOut } = this.#socket
      emit({ type: 'proxy.session-closed', at, session: number, durationMs: at - openedAt, bytesIn, bytesOut })
    }
  }

  /** Closes when the client goes. A stream only reports its end to a reader, and nothing else reads it now. */
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

  #closeAtExpiry(lease: Lease): void {
    const { clock } = this.#shared.settings
    const left = () => lease.expiresOn - clock.now()
    const expiry = new Alarm(clock, () => {
      if (left() <= 0) this.#expired.abort()
      else expiry.set(left())
    })
    expiry.set(left())
    this.#expiry = expiry
  }
}

/**
 * The answer to a client's PRELOGIN, by what it says about encryption. A client that cannot encrypt is served in the
 * clear, which never leaves this machine. If it says OFF, its login is encrypted, as SQL Server does it: tiberius, and so
 * Prisma's engine with `encrypt=false`, takes any other answer for one that wants all of the session encrypted.
 */
export function preloginFor(client: number) {
  const encryption = client === Encryption.OFF || client === Encryption.NOT_SUPPORTED ? client : Encryption.ON
  return { version: { major: 16, minor: 0, build: 1000 }, encryption, mars: false }
}
