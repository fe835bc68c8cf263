import type { Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import { type Clock, Stopwatch } from '../clock.ts'
import { explainDriverError, type LoginRefusal } from './driver-errors.ts'

/** A connection of tedious, as `beforeConnect` of `mssql` gives it. */
export type Connection = Parameters<NonNullable<MssqlConfig['beforeConnect']>>[0]

/** What mssql's own `validateConnection: 'socket'` looks at. */
interface ConnectionState {
  state?: unknown
  STATE?: { LOGGED_IN: unknown }
  socket?: Pick<Socket, 'destroyed' | 'writable'>
}

/**
 * A login that failed is not repeated by the same pool sooner than this, in ms: with fifty queries waiting tarn would
 * log in for each of them, to hear the same.
 */
const LOGIN_HOLD = 1_000

/** The connections of one pool, from before their login until they have ended, and why the last login failed. */
export class Connections {
  readonly #clock: Clock
  readonly #open = new Set<Connection>()
  #refusal: LoginRefusal | undefined
  #failed: { error: unknown; age: Stopwatch } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

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
      if (error) this.#fail(error)
      else this.#succeed()
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

  /** Whether the last login failed, and none has succeeded since. */
  get loginsFail(): boolean {
    return this.#failed !== undefined
  }

  /** @throws why the last login failed, where that was just now */
  holdBack(): void {
    if (this.#failed !== undefined && this.#failed.age.left(LOGIN_HOLD) > 0) throw this.#failed.error
  }

  #fail(error: unknown): void {
    this.#failed = { error: explainDriverError(error, this.#refusal), age: new Stopwatch(this.#clock) }
  }

  #succeed(): void {
    this.#failed = undefined
    this.#refusal = undefined
  }
}
