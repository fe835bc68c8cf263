import type { Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import { EntraError, reasonOf } from '../errors.ts'

/** A connection of tedious, as `beforeConnect` of `mssql` gives it. */
export type Connection = Parameters<NonNullable<MssqlConfig['beforeConnect']>>[0]

/** What mssql's own `validateConnection: 'socket'` looks at, beside the public events. */
interface ConnectionState {
  state?: unknown
  STATE?: { LOGGED_IN: unknown }
  socket?: Pick<Socket, 'destroyed' | 'writable'>
}

/** An ERROR token of the login (MS-TDS 2.2.7.10). */
interface ServerMessage {
  number: number
  state: number
  message: string
}

/** The codes of mssql and tedious for a connection that could not be opened. */
const CONNECT_ERRORS = new Set<unknown>(['ELOGIN', 'ESOCKET', 'ETIMEOUT', 'EINSTLOOKUP', 'ECONNCLOSED', 'ENOTFOUND'])

/** The connections of one pool, from before their login until they have ended, and why the last login was refused. */
export class Connections {
  readonly #open = new Set<Connection>()
  #refusal: ServerMessage | undefined

  get size(): number {
    return this.#open.size
  }

  add(connection: Connection): void {
    this.#open.add(connection)
    const onRefusal = ({ number, state, message }: ServerMessage) => {
      this.#refusal = { number, state, message }
    }
    connection.on('errorMessage', onRefusal)
    connection.once('connect', () => connection.removeListener('errorMessage', onRefusal))
    connection.once('error', () => this.#open.delete(connection))
    connection.once('end', () => this.#open.delete(connection))
  }

  isUsable(connection: Connection): boolean {
    const { state, STATE, socket } = connection as unknown as ConnectionState
    return this.#open.has(connection) && state === STATE?.LOGGED_IN && socket?.writable === true && !socket.destroyed
  }

  closeAll(): void {
    for (const connection of this.#open) connection.close()
  }

  /**
   * What to throw for an error of the driver: tedious says no more of a refused login than "Login failed.", while the
   * server's own number, state and message are known here. An error that is not of opening a connection stays.
   */
  explain(error: unknown): unknown {
    if (!(error instanceof Error) || !CONNECT_ERRORS.has((error as { code?: unknown }).code)) return error
    const refusal = this.#refusal
    this.#refusal = undefined
    if (refusal === undefined) {
      const message = `No connection to the server could be opened: ${reasonOf(error)}`
      return new EntraError('CONNECT_FAILED', message, { cause: error })
    }
    const { number, state, message } = refusal
    return new EntraError(
      'LOGIN_FAILED',
      `The server refused the login: ${message} (error ${number}, state ${state})`,
      {
        cause: error,
        number,
        state,
      },
    )
  }
}
