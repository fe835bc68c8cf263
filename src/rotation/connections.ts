import type { Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors/entra-error.ts'
import type { LoginRefusal } from '../errors/login-refusals.ts'
import type { LoginFailure } from './driver-errors.ts'

/** A connection of tedious, as `beforeConnect` of `mssql` gives it. */
export type Connection = Parameters<NonNullable<MssqlConfig['beforeConnect']>>[0]

/** What mssql's own `validateConnection: 'socket'` looks at. */
interface ConnectionState {
  state?: unknown
  STATE?: { LOGGED_IN: unknown }
  socket?: Pick<Socket, 'destroyed' | 'writable' | 'destroy' | 'on'>
}

const isLoggedIn = ({ state, STATE }: ConnectionState) => state === STATE?.LOGGED_IN

/** The connections of one pool, from before their login until they have ended, and why the last login failed. */
export class Connections {
  readonly #open = new Set<Connection>()
  readonly #loggingIn = new Set<Connection>()
  #failure: LoginFailure | undefined
  readonly #closed = new AbortController()

  /** Aborted when no connection is wanted any more. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  get size(): number {
    return this.#open.size
  }

  add(connection: Connection): void {
    this.#open.add(connection)
    this.#loggingIn.add(connection)
    let refusal: LoginRefusal | undefined
    const onRefusal = ({ number, state, message }: LoginRefusal) => {
      // A server says what is wrong first, and then that the login failed (18456).
      refusal ??= { number, state, message }
    }
    connection.on('errorMessage', onRefusal)
    connection.once('connect', (error) => {
      connection.removeListener('errorMessage', onRefusal)
      this.#loggingIn.delete(connection)
      const reached = (connection as unknown as ConnectionState).socket !== undefined
      this.#failure = error ? { refusal, reached } : undefined
    })
    const onEnd = () => {
      this.#open.delete(connection)
      this.#loggingIn.delete(connection)
    }
    connection.once('error', onEnd)
    connection.once('end', onEnd)
  }

  isUsable(connection: Connection): boolean {
    const { socket } = connection as unknown as ConnectionState
    const isLive = socket?.writable === true && !socket.destroyed
    return isLive && this.#open.has(connection) && isLoggedIn(connection as unknown as ConnectionState)
  }

  closeAll(): void {
    this.closeLogins()
    for (const connection of this.#open) if (!this.#loggingIn.has(connection)) connection.close()
  }

  /** Closes those that are not logged in yet. No connection is wanted any more. */
  closeLogins(): void {
    const closed = new EntraError('NOT_SENT', 'The connections were closed before the statement was sent.')
    this.#closed.abort(closed)
    for (const connection of this.#loggingIn) {
      // tedious would go on waiting, up to its connect timeout, for a socket that ends without an error. Once closed,
      // tedious 20 no longer listens for that error, which would end the process.
      const { socket } = connection as unknown as ConnectionState
      socket?.on('error', () => {}).destroy(closed)
      connection.close()
    }
  }

  /** How the last login failed; undefined where it succeeded. */
  get failure(): LoginFailure | undefined {
    return this.#failure
  }

  /** Whether the last login failed, and none has succeeded since. */
  get loginsFail(): boolean {
    return this.#failure !== undefined
  }
}
