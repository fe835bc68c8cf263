import { Connection, type ConnectionConfiguration, Request } from 'tedious'
import type { Gateway } from '../../../src/testing/gateway/gateway.ts'

/** How a login or a request ended. */
export interface Outcome {
  ok: boolean
  /** The server's error number, where it said one. */
  number: number | undefined
  message: string
}

/** A tedious connection to a gateway. */
export class Client {
  readonly #connection: Connection
  #number: number | undefined

  constructor(
    gateway: Gateway,
    authentication: ConnectionConfiguration['authentication'],
    options: ConnectionConfiguration['options'] = {},
  ) {
    this.#connection = new Connection({
      server: gateway.host,
      ...(authentication && { authentication }),
      options: {
        port: gateway.port,
        encrypt: true,
        serverName: 'localhost',
        cryptoCredentialsDetails: { ca: gateway.ca },
        database: 'app',
        connectTimeout: 20_000,
        ...options,
      },
    })
    this.#connection.on('errorMessage', ({ number }) => {
      this.#number = number
    })
    this.#connection.on('error', () => {})
  }

  connect(): Promise<Outcome> {
    return new Promise((resolve) => this.#connection.connect((error) => resolve(this.#outcome(error))))
  }

  query(sql = 'SELECT 1'): Promise<Outcome> {
    this.#number = undefined
    return new Promise((resolve) => {
      this.#connection.execSql(new Request(sql, (error) => resolve(this.#outcome(error))))
    })
  }

  /** Resolves when the connection is closed, by whichever side. */
  closed(): Promise<void> {
    return new Promise((resolve) => this.#connection.once('end', () => resolve()))
  }

  close(): void {
    this.#connection.close()
  }

  #outcome(error: Error | null | undefined): Outcome {
    return { ok: !error, number: this.#number, message: error?.message ?? '' }
  }
}
