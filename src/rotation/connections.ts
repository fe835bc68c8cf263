import type { Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import type { LoginRefusal } from '../connect/connect-errors.ts'
import { EntraError } from '../errors.ts'

/** A connection of tedious, as `beforeConnect` of `mssql` gives it. */
export type Connection = Parameters<NonNullable<MssqlConfig['beforeConnect']>>[0]

/** What mssql's own `validateConnection: 'socket'` looks at. */
interface ConnectionState {
  state?: unknown
  STATE?: { LOGGED_IN: unknown }
  socket?: Pick<Socket, 'destroyed' | 'writable' | 'destroy'>
}

const isLoggedIn = ({ state, STATE }: ConnectionState) => state === STATE?.LOGGED_IN

/** The connections of one pool, from before their login until they have ended, and why the last login failed. */
export class Connections {
  readonly #open = new Set<Connection>()
  #refusal: LoginRefusal | undefined
  #loginsFail = false
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
    let refusal: LoginRefusal | undefined
    const onRefusal = ({ number, state, message }: LoginRefusal) => {
      refusal = { number, state, message }
    }
    connection.on('errorMessage', onRefusal)
    connection.once('connect', (error) => {
      connection.removeListener('errorMessage', onRefusal)
      this.#loginsFail = Boolean(error)
      this.#refusal = error ? refusal : undefined
    })
    connection.once('error', () => this.#open.delete(connection))
    connection.once('end', () => this.#open.delete(connection))
  }

  isUsable(connection: Connection): boolean {
    const { socket } = connection as unknown as ConnectionState
    const isLive = socket?.writable === true && !socket.destroyed
    return isLive && this.#open.has(connection) && isLoggedIn(connection as unknown as ConnectionState)
  }

  closeAll(): void {
    const closed = new EntraError('NOT_SENT', 'The connections were closed before the statement was sent.')
    this.#closed.abort(closed)
    for (const connection of this.#open) {
      const state = connection as unknown as ConnectionState
      // In a login tedious would go on waiting, up to its connect timeout, for a socket that ends without an error.
      if (!isLoggedIn(state)) state.socket?.destroy(closed)
      connection.close()
    }
  }

  /** Why the server refused the last login; undefined where it was taken, or ended without an answer. */
  get refusal(): LoginRefusal | undefined {
    return this.#refusal
  }

  /** Whether the last login failed, and none has succeeded since. */
  get loginsFail(): boolean {
    return this.#loginsFail
  }
}
