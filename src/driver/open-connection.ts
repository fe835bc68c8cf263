import type { Socket } from 'node:net'
import type { IsolationLevel } from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import { isolationLevelName } from '../config/isolation-levels.ts'
import { claimsOf } from '../credentials/claims.ts'
import { EntraError } from '../errors/entra-error.ts'
import { requireEncryption } from '../login/client-login.ts'
import { dial } from '../login/connect.ts'
import { isTokenRefusal, type LoginContext, type LoginRefusal } from '../login/token-refusal.ts'
import { socketsPolled } from '../time/event-loop.ts'
import type { Lease } from '../token/lease.ts'
import { explainLoginFailure } from './driver-errors.ts'
import { EntraConnection } from './entra-connection.ts'
import {
  type DriverConnection,
  loadOfficialDriver,
  type OfficialDriver,
  type OfficialOptions,
} from './official-adapter.ts'
import { watchRequests } from './requests.ts'
import { mendConnection } from './tedious-fixes.ts'

/** Opens connections of the driver, each with a lease's token in LOGIN7: that takes no more round trips than a password. */
export class ConnectionOpener {
  readonly #config: MssqlConfig
  readonly #options: OfficialOptions
  readonly #audience: string
  readonly #isolationLevel: IsolationLevel
  readonly #sessionsOutliveTokens: boolean
  #driver: Promise<OfficialDriver> | undefined

  /**
   * @param audience - what the tokens of the server are for, to explain a refusal
   * @param sessionsOutliveTokens - whether statements may be sent after the token's end
   */
  constructor(config: MssqlConfig, options: OfficialOptions, audience: string, sessionsOutliveTokens = false) {
    this.#sessionsOutliveTokens = sessionsOutliveTokens
    this.#config = config
    this.#options = options
    this.#audience = audience
    this.#isolationLevel = isolationLevelName(config.options?.isolationLevel)
  }

  /** Loads the driver. Harmless at any time. */
  load(): Promise<OfficialDriver> {
    this.#driver ??= loadOfficialDriver(this.#config, this.#options)
    return this.#driver
  }

  /**
   * @param signal - aborted when the connection is no longer needed
   * @throws {@link EntraError} if no connection can be opened with this lease; the signal's reason
   */
  async open(lease: Lease, signal: AbortSignal): Promise<EntraConnection> {
    const driver = await this.load()
    signal.throwIfAborted()
    const connection = driver.newConnection(
      { type: 'azure-active-directory-access-token', options: { token: lease.token } },
      {
        // The pool retries logins.
        maxRetriesOnTransientErrors: this.#config.options?.maxRetriesOnTransientErrors ?? 0,
        connectionIsolationLevel: this.#config.options?.isolationLevel,
        connector: connectorFor(this.#config, lease, signal),
      },
    )
    connection.on('error', (error) => {
      // The work on the socket reports its end.
      if ((error as { code?: unknown }).code !== 'ESOCKET') this.#options?.onPoolError?.(error)
    })
    this.#config.beforeConnect?.(connection)
    mendConnection(connection)
    watchRequests(connection, () => this.#sessionsOutliveTokens || lease.maySend)
    await logIn(connection, signal, () => this.#context(lease))
    await socketsPolled()
    try {
      return new EntraConnection(connection, driver.adapterOn(connection), lease, this.#isolationLevel)
    } catch (error) {
      connection.close()
      throw error
    }
  }

  #context(lease: Lease): LoginContext {
    const { server, database, options } = this.#config
    const claims = claimsOf(lease.token)
    return { server, database: options?.database ?? database, audience: this.#audience, claims, now: lease.now() }
  }
}

/** Has the driver log in. @throws what the failed login means; the signal's reason */
function logIn(connection: DriverConnection, signal: AbortSignal, context: () => LoginContext): Promise<void> {
  return new Promise((resolve, reject) => {
    let refusal: LoginRefusal | undefined
    // A server says what is wrong first, and then that the login failed (18456).
    const onRefusal = ({ number, state, message }: LoginRefusal) => {
      refusal ??= { number, state, message }
    }
    const socketOf = () => (connection as unknown as { socket?: Socket }).socket
    const onAbort = () => {
      const closed = new EntraError('NOT_SENT', 'The connection was closed before the statement was sent.')
      // tedious goes on waiting for a socket that ends without an error, up to its connect timeout. Once closed, tedious
      // 20 no longer listens for that error, which would end the process.
      socketOf()
        ?.on('error', () => {})
        .destroy(closed)
      connection.close()
      finish(signal.reason)
    }
    const finish = (error?: unknown) => {
      signal.removeEventListener('abort', onAbort)
      connection.removeListener('errorMessage', onRefusal)
      if (error === undefined) resolve()
      else reject(error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    connection.on('errorMessage', onRefusal)
    connection.connect((error) => {
      if (signal.aborted) finish(signal.reason)
      else if (error === undefined && refusal !== undefined && isTokenRefusal(refusal.number)) {
        // tedious drops what the server says to the batch that sets the session up.
        connection.close()
        finish(explainLoginFailure(new Error(refusal.message), refusal, true, context()))
      } else if (error) finish(explainLoginFailure(error, refusal, socketOf() !== undefined, context()))
      else finish()
    })
  })
}

type Connector = NonNullable<NonNullable<MssqlConfig['options']>['connector']>

/** What tedious passes to a connector. After a redirect it is another server. */
interface SocketTarget {
  host: string
  port: number
  localAddress?: string
}

/**
 * Opens the socket of one connection, and those that redirects ask for, while its token is good. Makes sure that TLS
 * follows.
 *
 * @param closed - aborted when the connection is no longer needed
 * @throws {@link EntraError} `NOT_SENT` after the token's end, and when closed
 */
function connectorFor(config: MssqlConfig, lease: Lease, closed: AbortSignal): Connector {
  const { server, port = 1433, options = {} } = config
  const { connector: usersOwn, multiSubnetFailover: parallel, encrypt = true } = options
  return async (to: SocketTarget = { host: server, port }, ...rest: [lookup?: unknown, signal?: AbortSignal]) => {
    if (lease.timeLeft <= 0) {
      throw new EntraError(
        'NOT_SENT',
        'The token expired before the connection was opened. The statement did not run; it can be run again.',
      )
    }
    closed.throwIfAborted()
    const [, signal = closed] = rest
    const socket = usersOwn
      ? await (usersOwn as (...passed: unknown[]) => Promise<Socket>)(to, ...rest)
      : await dial({ ...to, parallel, signal: AbortSignal.any([signal, closed]) })
    if (encrypt === true) requireEncryption(socket)
    return socket
  }
}
