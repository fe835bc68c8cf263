import { Child } from '../child.ts'

/** Where a program connects to. */
export interface Place {
  server: string
  port: number
  database: string
}

/** The first message of the local Azure's process. */
export interface Ready {
  place: Place
  /** What makes a program sign in as a managed identity, and trust the gateway's certificate. */
  environment: Record<string, string>
}

/** What a program had the local Azure do, none of which depends on the clock. */
export interface Counts {
  tokenRequests: number
  connections: number
  logins: number
  /** Messages of TDS, TLS' in the handshake included, that wait for an answer. */
  roundTrips: number
  /** From and to the gateway, on the wire. */
  bytes: number
}

/** Begin a run, or, where nothing is begun, say what the last one did. */
export interface Order {
  begin?: { linkDelay: number }
}

export interface Answer {
  /** One that is valid, for a program that needs none from the authority. */
  token?: string
  counts?: Counts
}

/** The local Azure, in another process than the one that takes the time. */
export class Azure {
  readonly #process: Child<Order, Answer, Ready>
  readonly ready: Ready

  private constructor(process: Child<Order, Answer, Ready>) {
    this.#process = process
    this.ready = process.ready
  }

  static async start(): Promise<Azure> {
    return new Azure(await Child.start<Order, Answer, Ready>(new URL('azure-process.ts', import.meta.url)))
  }

  /** Counts from zero. @param linkDelay - in each direction, in ms @returns a token */
  async begin(linkDelay: number): Promise<string> {
    const { token } = await this.#process.ask({ begin: { linkDelay } })
    if (token === undefined) throw new Error('The local Azure gave no token.')
    return token
  }

  /** Since `begin`, once every connection has ended. */
  async counts(): Promise<Counts> {
    const { counts } = await this.#process.ask({})
    if (counts === undefined) throw new Error('The local Azure did not count.')
    return counts
  }

  close(): Promise<void> {
    return this.#process.close()
  }
}
