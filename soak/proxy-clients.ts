// The clients of the proxy have a process of their own, so that heap and sockets of the soak's are those of the proxy.
import { once, setMaxListeners } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection, Request } from 'tedious'
import { serveParent } from '../bench/child.ts'
import { encodeMessage, PacketType } from '../src/tds/packet.ts'
import { Encryption, encodePrelogin } from '../src/tds/prelogin.ts'
import { loginFor, TdsClient } from '../test/proxy/support.ts'
import { SeededRandom } from '../test/simulation/random.ts'

/** What the clients connect to. */
export interface ProxyAddress {
  host: string
  port: number
  user: string
  password: string
  ca: string
  database: string
}

/** A query or a login of a client that does all right, and failed. */
export interface WorkFailure {
  cause: string
  detail: string
  /** In ms since the epoch. */
  from: number
  until: number
}

/** What the clients have done since the last start. */
export interface ClientsReport {
  done: number
  failures: WorkFailure[]
  /** How many came, by what they did. */
  came: Record<string, number>
  /** Those that neither ended nor were ended in time. */
  stuck: string[]
}

export type ClientsOrder = { start: number } | { stop: true }

const AT_ONCE = 50
const WORKING = 6
/** Nothing that a client does takes longer, in ms. */
const STUCK_AFTER = 60_000

const proxy: ProxyAddress = JSON.parse(process.argv[2] ?? '')
process.on('SIGINT', () => {})
// Left to end by itself, Node 20 once span for good while it closed what was left of thousands of sockets.
process.once('disconnect', () => process.exit())

/** ALL_HEADERS of a batch outside of any transaction (MS-TDS 2.2.5.3). */
const HEADERS = Buffer.from('16000000120000000200000000000000000001000000', 'hex')
const BATCH = encodeMessage(PacketType.SQL_BATCH, Buffer.concat([HEADERS, Buffer.from('SELECT 1 AS one', 'utf16le')]))
const PRELOGIN = encodeMessage(
  PacketType.PRELOGIN,
  encodePrelogin({ version: { major: 11, minor: 0, build: 0 }, encryption: Encryption.NOT_SUPPORTED }),
)

async function dial(): Promise<Socket> {
  const socket = connect(proxy.port, proxy.host)
  socket.on('error', () => {}).resume()
  await once(socket, 'connect')
  return socket
}

async function loggedIn(random: SeededRandom): Promise<TdsClient> {
  const encrypt = random.chance(0.3) ? 'strict' : random.chance(0.5)
  const client = await TdsClient.connect(proxy, { encrypt, tls: { ca: proxy.ca }, serverName: 'localhost' })
  const tdsVersion = encrypt === 'strict' ? 0x08000000 : 0x74000004
  await client.logIn(loginFor(proxy, { tdsVersion, database: proxy.database }))
  return client
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close')
}

/** Writes the same until the other end has had enough. */
async function pour(socket: Socket, bytes: Buffer): Promise<void> {
  while (!socket.destroyed) {
    if (!socket.write(bytes)) await Promise.race([once(socket, 'drain'), closed(socket)])
  }
}

const KINDS: Record<string, (random: SeededRandom) => Promise<unknown>> = {
  async 'is cut off in a request'(random) {
    const client = await loggedIn(random)
    client.stream.write(BATCH.subarray(0, random.integer(1, BATCH.length)))
    await sleep(random.integer(0, 50))
    client.close()
  },
  async 'is reset while it waits'(random) {
    const client = await loggedIn(random)
    client.stream.write(BATCH)
    await sleep(random.integer(0, 20))
    client.socket.resetAndDestroy()
  },
  async 'closes one half'(random) {
    const client = await loggedIn(random)
    client.stream.end(BATCH)
    await client.closed()
  },
  async 'reads nothing'(random) {
    const client = await loggedIn(random)
    client.stream.pause()
    client.stream.write(Buffer.concat(Array(500).fill(BATCH)))
    await sleep(random.integer(100, 6_000))
    client.close()
  },
  async 'stays, and does nothing'(random) {
    const client = await loggedIn(random)
    await Promise.race([client.closed(), sleep(random.integer(100, 15_000))])
    client.close()
  },
  async 'never logs in'(random) {
    const socket = await dial()
    await Promise.race([closed(socket), sleep(random.integer(100, 15_000))])
    socket.destroy()
  },
  async 'sends garbage'(random) {
    const socket = await dial()
    if (random.chance(0.5)) socket.write(PRELOGIN)
    socket.write(Buffer.from(Array.from({ length: random.integer(1, 3_000) }, () => random.integer(0, 255))))
    await closed(socket)
  },
  async 'sends packets without end'(random) {
    const socket = await dial()
    const type = random.chance(0.5) ? PacketType.PRELOGIN : PacketType.LOGIN7
    if (type === PacketType.LOGIN7) socket.write(PRELOGIN)
    await pour(socket, Buffer.alloc(65_536, Buffer.from([type, 0, 0, 8, 0, 0, 1, 0])))
  },
  async 'trickles in'(random) {
    const socket = await dial()
    for (const byte of PRELOGIN) {
      if (socket.destroyed) return
      socket.write(Buffer.from([byte]))
      await sleep(random.integer(50, 300))
    }
    await closed(socket)
  },
  async 'has a wrong password'() {
    const client = await TdsClient.connect(proxy)
    const answer = await client.logIn(loginFor({ user: proxy.user, password: 'wrong' }))
    client.close()
    if (answer.kind !== 'refused' || answer.message.number !== 18456) throw new Error('A wrong password was accepted.')
  },
  async 'speaks an old TDS version'() {
    const socket = await dial()
    socket.write(encodeMessage(PacketType.LOGIN7, Buffer.alloc(512)))
    await closed(socket)
  },
}

let until = new AbortController()
let running: Promise<unknown>[] = []
let report: ClientsReport

function failed(error: unknown, from: number, said = ''): void {
  const { code, number, message, cause = '' } = error as Error & { code?: string; number?: number }
  const detail = `${message} ${cause} ${said}`
  report.failures.push({ cause: String(number ?? code), detail, from, until: Date.now() })
}

/** Comes, does one thing, and goes, over and over. What happens to it is its own fault, unless it is stuck. */
async function misbehave(random: SeededRandom): Promise<void> {
  const weights = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 1]))
  while (!until.signal.aborted) {
    const kind = random.pick(weights)
    report.came[kind] = (report.came[kind] ?? 0) + 1
    const over = KINDS[kind]?.(random).catch((error) => {
      if (/was accepted/.test(error.message)) failed(error, Date.now())
    })
    if ((await Promise.race([over, sleep(STUCK_AFTER, 'stuck')])) === 'stuck') report.stuck.push(kind)
    // A login costs the local Azure and us some 50 ms of processor: not more of them than a small machine can do.
    await sleep(random.scaled(500, 8_000), undefined, { signal: until.signal }).catch(() => {})
  }
}

/** Logs in, makes some queries, and goes, over and over, with the driver that most have. */
async function work(random: SeededRandom): Promise<void> {
  while (!until.signal.aborted) {
    let from = Date.now()
    const connection = new Connection({
      server: proxy.host,
      authentication: { type: 'default', options: { userName: proxy.user, password: proxy.password } },
      options: {
        port: proxy.port,
        database: proxy.database,
        encrypt: false,
        connectTimeout: 45_000,
        requestTimeout: 45_000,
      },
    })
    let said = ''
    connection.on('error', () => {})
    connection.on('errorMessage', ({ message }) => {
      said = message
    })
    try {
      await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())))
      for (let left = random.scaled(1, 40); left > 0 && !until.signal.aborted; left--) {
        await query(connection)
        report.done++
        from = Date.now()
        await sleep(random.integer(0, 300))
      }
    } catch (error) {
      failed(error, from, said)
      await sleep(200)
    }
    const gone = once(connection, 'end')
    connection.close()
    await Promise.race([gone, sleep(1_000)])
  }
}

function query(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer: unknown
    const request = new Request('SELECT 40 + 2 AS answer', (error) => {
      if (error) reject(error)
      else if (answer === 42) resolve()
      else reject(new Error(`The answer is ${answer}, not 42.`))
    })
    request.on('row', ([column]) => {
      answer = column.value
    })
    connection.execSql(request)
  })
}

serveParent<ClientsOrder>(null, async (order) => {
  if ('start' in order) {
    until = new AbortController()
    setMaxListeners(AT_ONCE, until.signal)
    report = { done: 0, failures: [], came: {}, stuck: [] }
    running = Array.from({ length: AT_ONCE }, (_, i) => {
      const random = new SeededRandom(order.start, i + 1)
      return i < WORKING ? work(random) : misbehave(random)
    })
    return null
  }
  until.abort()
  await Promise.all(running)
  return report
})
