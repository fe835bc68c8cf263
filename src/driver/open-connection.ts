import type { Socket } from 'node:net'
import type { IsolationLevel } from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import { isolationLevelName } from '../config/isolation-levels.ts'
import { claimsOf } from '../credentials/claims.ts'
import { EntraError } from '../errors/entra-error.ts'
import { isTokenRefusal } from '../login/failure.ts'
import type { LoginContext, LoginRefusal } from '../login/token-refusal.ts'
import { socketsPolled } from '../time/event-loop.ts'
import type { Lease } from '../token/lease.ts'
import { connectorFor } from './connector.ts'
import { explainLoginFailure } from './driver-errors.ts'
import { EntraConnection } from './entra-connection.ts'
import { type DriverConnection, driverUnsupported, OfficialDriver, type OfficialOptions } from './official-adapter.ts'
import { declareBySizeClass, type Parameter } from './parameter-sizes.ts'
import { mendConnection } from './tedious-fixes.ts'

/**
 * Opens connections of the driver: each with the token of a lease in LOGIN7, which costs no round trip more than a
 * password does.
 */
export class ConnectionOpener {
  readonly #config: MssqlConfig
  readonly #options: OfficialOptions
  readonly #audience: string
  readonly #isolationLevel: IsolationLevel
  readonly #sessionsOutliveTokens: boolean
  #driver: Promise<OfficialDriver> | undefined

  /**
   * @param audience - what the tokens of the server are for, for what is said of one that it refuses
   * @param sessionsOutliveTokens - whether statements may be sent past the token's end
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
    this.#driver ??= OfficialDriver.load(this.#config, this.#options)
    return this.#driver
  }

  /**
   * @param signal - aborted when the connection is not wanted any more
   * @throws {@link EntraError} where no connection can be opened with this lease; the signal's reason
   */
  async open(lease: Lease, signal: AbortSignal): Promise<EntraConnection> {
    const driver = await this.load()
    signal.throwIfAborted()
    const connection = driver.newConnection(
      { type: 'azure-active-directory-access-token', options: { token: lease.token } },
      {
        // A login that may be tried again is tried again in one place, with Microsoft's waits.
        maxRetriesOnTransientErrors: this.#config.options?.maxRetriesOnTransientErrors ?? 0,
        connectionIsolationLevel: this.#config.options?.isolationLevel,
        connector: connectorFor(this.#config, lease, signal),
      },
    )
    connection.on('error', (error) => {
      // A socket's end is told by the work that met it.
      if ((error as { code?: unknown }).code !== 'ESOCKET') this.#options?.onPoolError?.(error)
    })
    this.#config.beforeConnect?.(connection)
    mendConnection(connection)
    watchRequests(connection, () => this.#sessionsOutliveTokens || lease.maySend)
    await logIn(connection, signal, (failure) => ({ failure, login: this.#context(lease) }))
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

/** What of a connection and a request of tedious is not in its types. */
interface Requesting {
  makeRequest(request: { parameters?: Parameter[]; callback(error: Error): void }, ...rest: unknown[]): void
  execSql(request: { parameters?: Parameter[] }): void
}

/** Has each statement of a connection declare its parameters by size class, and sends none past the token's end. */
function watchRequests(connection: DriverConnection, maySend: () => boolean): void {
  const driver = connection as unknown as Requesting
  if (typeof driver.makeRequest !== 'function') throw driverUnsupported('a connection of it has no makeRequest')
  const { execSql, makeRequest } = driver
  driver.execSql = (request) => {
    declareBySizeClass(request.parameters ?? [])
    execSql.call(driver, request)
  }
  driver.makeRequest = (request, ...rest) => {
    if (maySend()) makeRequest.call(driver, request, ...rest)
    // As tedious answers a request that cannot be sent.
    else request.callback(Object.assign(new Error('The token has expired.'), { code: 'EINVALIDSTATE' }))
  }
}

type Explain = (failure: {
  refusal: LoginRefusal | undefined
  reached: boolean
}) => Parameters<typeof explainLoginFailure>[1]

/** Has the driver log in. @throws what a failed login means; the signal's reason */
function logIn(connection: DriverConnection, signal: AbortSignal, context: Explain): Promise<void> {
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
      settle(signal.reason)
    }
    const settle = (error?: unknown) => {
      signal.removeEventListener('abort', onAbort)
      connection.removeListener('errorMessage', onRefusal)
      if (error === undefined) resolve()
      else reject(error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    connection.on('errorMessage', onRefusal)
    connection.connect((error) => {
      if (signal.aborted) settle(signal.reason)
      else if (error === undefined && refusal !== undefined && isTokenRefusal(refusal.number)) {
        // tedious drops what the server says to the batch that sets the session up.
        connection.close()
        settle(explainLoginFailure(new Error(refusal.message), context({ refusal, reached: true })))
      } else if (error) settle(explainLoginFailure(error, context({ refusal, reached: socketOf() !== undefined })))
      else settle()
    })
  })
}
