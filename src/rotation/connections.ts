import type { Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import type { LoginRefusal } from '../connect/connect-errors.ts'

/** A connection of tedious, as `beforeConnect` of `mssql` gives it. */
export type Connection = Parameters<NonNullable<MssqlConfig['beforeConnect']>>[0]

/** What mssql's own `validateConnection: 'socket'` looks at. */
interface ConnectionState {
  state?: unknown
  STATE?: { LOGGED_IN: unknown }
  socket?: Pick<Socket, 'destroyed' | 'writable'>
}

/** The connections of one pool, from before their login until they have ended, and why the last login was refused. */
export class Connections {
  readonly #open = new Set<Connection>()
  #refusal: LoginRefusal | undefined

  get size(): number {
    return this.#open.size
  }

  add(connection: Connection): void {
    this.#open.add(connection)
    const onRefusal = ({ number, state, message }: LoginRefusal) => {
      this.#refusal = { number, state, message }
    }
    connection.on('errorMessage', onRefusal)
    connection.once('connect', (error) => {
      connection.removeListener('errorMessage', onRefusal)
      if (!error) this.#refusal = undefined
    })
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

  /** Why the server refused the last login; undefined once a later one was taken. */
  get refusal(): LoginRefusal | undefined {
    return this.#refusal
  }
}
