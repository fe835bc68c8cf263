import type { Socket } from 'node:net'
import { TdsProtocolError } from '../../../src/tds/bytes.ts'
import { PacketReader, PacketStatus, PacketType } from '../../../src/tds/packet.ts'
import type { EngineSession, Parameter, ResultItem } from '../session.ts'
import { bulkTargetOf, load } from './bulk-load.ts'
import { type EngineRequest, type NextTransaction, named, type PreparedStatement, parseRequest } from './requests.ts'
import { Response } from './response.ts'

/** The maximum length of a message, in bytes. */
const MOST_BYTES = 256 * 1024 * 1024

interface Message {
  type: number
  payload: Buffer
  reset: boolean
}

/** A session after its login: reads requests and answers them in sequence. */
export class TdsSession {
  readonly #socket: Socket
  readonly #session: EngineSession
  readonly #packetSize: number
  readonly #spid: number
  readonly #packets = new PacketReader()
  #parts: Buffer[] = []
  #length = 0
  #reset = false
  #running: Promise<void> | undefined
  #attention = false
  /** By handle. */
  readonly #prepared = new Map<number, PreparedStatement>()
  #lastHandle = 0
  /** The table for the rows of the next message. */
  #bulkTarget: string | undefined

  constructor(socket: Socket, session: EngineSession, packetSize: number, spid: number) {
    this.#socket = socket
    this.#session = session
    this.#packetSize = packetSize
    this.#spid = spid
  }

  /** Serves until the client disconnects. Rejects for malformed bytes or a bug in the engine. */
  async serve(): Promise<void> {
    let failed: unknown
    this.#socket.once('close', () => {
      if (this.#running !== undefined) this.#session.cancel()
    })
    for await (const chunk of this.#socket) {
      for (const packet of this.#packets.push(chunk as Buffer)) {
        const message = this.#collect(packet.type, packet.status, packet.payload)
        if (message === undefined) continue
        if (message.type === PacketType.ATTENTION) await this.#onAttention()
        else {
          await this.#running
          this.#running = this.#answer(message).catch((error) => {
            failed = error
            this.#socket.destroy()
          })
        }
      }
    }
    await this.#running
    if (failed !== undefined) throw failed
  }

  #collect(type: number, status: number, payload: Buffer): Message | undefined {
    if (status & (PacketStatus.RESET_CONNECTION | PacketStatus.RESET_CONNECTION_SKIP_TRAN)) this.#reset = true
    this.#length += payload.length
    if (this.#length > MOST_BYTES) throw new TdsProtocolError(`A message is longer than ${MOST_BYTES} bytes.`)
    this.#parts.push(payload)
    if ((status & PacketStatus.END_OF_MESSAGE) === 0) return undefined
    const message = { type, payload: Buffer.concat(this.#parts), reset: this.#reset }
    this.#parts = []
    this.#length = 0
    this.#reset = false
    return (status & PacketStatus.IGNORE) !== 0 ? undefined : message
  }

  async #onAttention(): Promise<void> {
    if (this.#running === undefined) {
      this.#response(false).acknowledgeAttention()
      return
    }
    this.#attention = true
    this.#session.cancel()
  }

  #response(procedure: boolean): Response {
    return new Response(this.#socket, this.#packetSize, this.#spid, procedure)
  }

  async #answer({ type, payload, reset }: Message): Promise<void> {
    const request = parseRequest(type, payload)
    const response = this.#response(PROCEDURES.has(request.kind))
    if (reset) {
      await this.#session.reset()
      await response.resetCompleted()
    }
    for await (const item of this.#run(request)) await response.add(item)
    this.#running = undefined
    const attention = this.#attention
    this.#attention = false
    await response.end(attention)
  }

  #run(request: EngineRequest): AsyncIterable<ResultItem> {
    switch (request.kind) {
      case 'batch':
        this.#bulkTarget = bulkTargetOf(request.sql)
        return this.#bulkTarget === undefined ? this.#session.execute(request.sql, []) : ready()
      case 'bulk': {
        const table = this.#bulkTarget
        this.#bulkTarget = undefined
        return table === undefined ? refuse('rows without INSERT BULK') : load(this.#session, table, request.load)
      }
      case 'statement':
        return this.#session.executeSql(request.sql, request.parameters)
      case 'prepare':
        return this.#prepare(request.statement, request.parameters)
      case 'execute':
        return this.#execute(request.handle, request.parameters)
      case 'unprepare':
        return this.#prepared.delete(request.handle) ? nothing() : unknownHandle(request.handle)
      case 'begin':
        return this.#session.begin(request.isolation)
      case 'commit':
        return this.#andBegin(this.#session.commit(), request.next)
      case 'rollback':
        return this.#andBegin(this.#session.rollback(request.name), request.next)
      case 'save':
        return this.#session.save(request.name)
      case 'unsupported':
        return refuse(request.what)
    }
  }

  async *#andBegin(ending: AsyncIterable<ResultItem>, next: NextTransaction | undefined): AsyncGenerator<ResultItem> {
    yield* ending
    if (next !== undefined) yield* this.#session.begin(next.isolation)
  }

  /** @param parameters - of its first execution, which comes at once; undefined if it comes later */
  async *#prepare(statement: PreparedStatement, parameters: Parameter[] | undefined): AsyncGenerator<ResultItem> {
    const handle = ++this.#lastHandle
    this.#prepared.set(handle, statement)
    if (parameters !== undefined) yield* this.#execute(handle, parameters)
    yield { kind: 'handle', name: statement.handleName, handle }
  }

  #execute(handle: number, parameters: Parameter[]): AsyncIterable<ResultItem> {
    const statement = this.#prepared.get(handle)
    if (statement === undefined) return unknownHandle(handle)
    return this.#session.executeSql(statement.sql, named(statement.names, parameters))
  }
}

/** Requests that call a procedure. */
const PROCEDURES: ReadonlySet<EngineRequest['kind']> = new Set(['statement', 'prepare', 'execute', 'unprepare'])

async function* nothing(): AsyncGenerator<ResultItem> {}

async function* unknownHandle(handle: number): AsyncGenerator<ResultItem> {
  const message = `Could not find prepared statement with handle ${handle}.`
  yield { kind: 'error', number: 8179, state: 2, class: 16, message, line: 1 }
}

/** The answer to `INSERT BULK`: ready for the rows. */
async function* ready(): AsyncGenerator<ResultItem> {
  yield { kind: 'done' }
}

async function* refuse(what: string): AsyncGenerator<ResultItem> {
  const message = `The local engine does not support ${what}.`
  yield { kind: 'error', number: 50_001, state: 1, class: 16, message, line: 1 }
}
