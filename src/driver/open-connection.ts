import type { Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import { DEFAULT_PORT } from '../config/address.ts'
import { isolationLevelName } from '../config/isolation-levels.ts'
import type { SqlLogin } from '../config/sql-login.ts'
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
import { type OnConnect, prepare } from './on-connect.ts'
import { type InexactColumn, inexactColumn, watchRequests } from './requests.ts'
import { patchConnection } from './tedious-fixes.ts'

interface OpenerSettings {
  /** Whether statements may be sent after the token's end. @defaultValue false */
  sessionsOutliveTokens?: boolean
  /** Instead of the leases' tokens. */
  sqlLogin?: SqlLogin | undefined
  onConnect?: OnConnect | undefined
  /** Called once, with the first column that is read whose values the driver rounds. */
  onInexact?: (column: InexactColumn) => void
}

export type ConnectionOpener = ReturnType<typeof connectionOpener>

/**
 * Opens connections of the driver, each with a lease's token in LOGIN7: that takes no more round trips than a password.
 *
 * @param audience - what the tokens of the server are for, to explain a refusal
 */
export function connectionOpener(
  config: MssqlConfig,
  options: OfficialOptions,
  audience: string,
  { sessionsOutliveTokens = false, sqlLogin, onConnect, onInexact = () => {} }: OpenerSettings = {},
) {
  const { server, database } = config
  const { isolationLevel, maxRetriesOnTransientErrors = 0, database: inOptions = database } = config.options ?? {}
  const level = isolationLevelName(isolationLevel)
  let driver: Promise<OfficialDriver> | undefined
  let inexact: InexactColumn | undefined

  /** Loads the driver. Harmless at any time. */
  const load = () => {
    driver ??= loadOfficialDriver(config, options)
    return driver
  }

  /**
   * @param signal - aborted when the connection is no longer needed
   * @throws {@link EntraError} if no connection can be opened with this lease; the signal's reason
   */
  async function open(lease: Lease, signal: AbortSignal): Promise<EntraConnection> {
    const { newConnection, adapterOn } = await load()
    signal.throwIfAborted()
    let address: string | undefined
    const connection = newConnection(
      sqlLogin?.authentication() ?? { type: 'azure-active-directory-access-token', options: { token: lease.token } },
      {
        // The pool retries logins.
        maxRetriesOnTransientErrors,
        connectionIsolationLevel: isolationLevel,
        connector: connectorFor(config, lease, signal, (dialled) => {
          address ??= dialled
        }),
      },
    )
    connection.on('error', (error) => {
      // The work on the socket reports its end.
      if ((error as { code?: unknown }).code !== 'ESOCKET') options?.onPoolError?.(error)
    })
    config.beforeConnect?.(connection)
    patchConnection(connection)
    const maySend = () => sessionsOutliveTokens || lease.maySend
    watchRequests(connection, maySend, (columns) => {
      if (inexact !== undefined) return
      inexact = inexactColumn(columns)
      if (inexact !== undefined) onInexact(inexact)
    })
    await logIn(connection, signal, () => {
      return { server, database: inOptions, audience, claims: claimsOf(lease.token), now: lease.now() }
    })
    await socketsPolled()
    try {
      const opened = new EntraConnection(connection, adapterOn(connection), lease, level, address)
      if (onConnect !== undefined) await prepare(opened, onConnect, signal)
      return opened
    } catch (error) {
      connection.close()
      throw error
    }
  }

  return { load, open }
}

/** Makes the driver log in. @throws what the failed login means; the signal's reason */
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
      // tedious keeps waiting for a socket that ends without an error, up to its connect timeout. Once closed, tedious
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
 * @param onDialled - called with each address that was dialled
 * @throws {@link EntraError} `NOT_SENT` after the token's end, and when closed
 */
function connectorFor(
  config: MssqlConfig,
  lease: Lease,
  closed: AbortSignal,
  onDialled: (address: string | undefined) => void,
): Connector {
  const { server, port = DEFAULT_PORT, options = {} } = config
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
    onDialled(socket.remoteAddress)
    if (encrypt === true) requireEncryption(socket)
    return socket
  }
}
