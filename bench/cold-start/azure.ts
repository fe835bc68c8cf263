import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

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
  readonly #process: ChildProcess
  readonly ready: Ready

  /** Use {@link startAzure}. */
  constructor(process: ChildProcess, ready: Ready) {
    this.#process = process
    this.ready = ready
  }

  /** Counts from zero. @param linkDelay - in each direction, in ms @returns a token */
  async begin(linkDelay: number): Promise<string> {
    const { token } = await this.#order({ begin: { linkDelay } })
    if (token === undefined) throw new Error('The local Azure gave no token.')
    return token
  }

  /** Since `begin`, once every connection has ended. */
  async counts(): Promise<Counts> {
    const { counts } = await this.#order({})
    if (counts === undefined) throw new Error('The local Azure did not count.')
    return counts
  }

  async close(): Promise<void> {
    const exit = once(this.#process, 'exit')
    this.#process.disconnect()
    await exit
  }

  async #order(order: Order): Promise<Answer> {
    const answer = messageOf(this.#process)
    this.#process.send(order)
    return (await answer) as Answer
  }
}

export async function startAzure(): Promise<Azure> {
  const child = fork(fileURLToPath(new URL('azure-process.ts', import.meta.url)))
  return new Azure(child, (await messageOf(child)) as Ready)
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const over = new AbortController()
  const onExit = () => over.abort(new Error('The local Azure has ended.'))
  child.once('exit', onExit)
  try {
    const [message] = await once(child, 'message', { signal: over.signal })
    return message
  } finally {
    child.off('exit', onExit)
  }
}
