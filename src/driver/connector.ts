import type { Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors/entra-error.ts'
import { requireEncryption } from '../login/client-login.ts'
import { dial } from '../login/connect.ts'
import type { Lease } from '../token/lease.ts'

type Connector = NonNullable<NonNullable<MssqlConfig['options']>['connector']>

/** What tedious passes to a connector, as to its own; it follows the server's redirects. */
interface Target {
  host: string
  port: number
  localAddress?: string
}

/**
 * Opens the socket of one connection, and those that redirects ask for, while its token is good. Makes sure that TLS
 * follows.
 *
 * @param closed - aborted when the connection is not wanted any more
 * @throws {@link EntraError} `NOT_SENT` past the token's end, and when closed
 */
export function connectorFor(config: MssqlConfig, lease: Lease, closed: AbortSignal): Connector {
  const { server, port = 1433, options = {} } = config
  const { connector: usersOwn, multiSubnetFailover: parallel, encrypt = true } = options
  return async (to: Target = { host: server, port }, ...rest: [lookup?: unknown, signal?: AbortSignal]) => {
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
