import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { geteuid, platform } from 'node:process'
import { knowsFeatures, type Login7 } from '../tds/login7.ts'

/** The SQL login of a proxy, made up at its start. `util.inspect` does not show the password. */
export class LocalLogin {
  readonly user: string
  readonly #password: string

  /** By default both are random, with 64 and 256 bits, without a character that a tool might escape. */
  constructor(user = `entra_${randomBytes(8).toString('hex')}`, password = randomBytes(32).toString('hex')) {
    this.user = user
    this.#password = password
  }

  get password(): string {
    return this.#password
  }

  /** In a time that does not tell where they differ. */
  matches(user: string, password: string): boolean {
    const sameUser = timingSafeEqual(digest(user), digest(this.user))
    const samePassword = timingSafeEqual(digest(password), digest(this.#password))
    return sameUser && samePassword
  }

  /** What `util.inspect` shows: it would call the getter when told to show hidden properties. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    return { ...this }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}

/** What a refused client is told, by the reason. */
export const REFUSED_CLIENTS = {
  credentials:
    'This is the loopback proxy of prisma-adapter-mssql-entra: it only accepts the user and password made up at its start.',
  'other-user': 'The loopback proxy only serves processes of its own user; this connection comes from another user.',
  'tds-version':
    'This client speaks a TDS older than 7.4, which has no Entra logins: set it to 7.4 (FreeTDS: tds version = 7.4).',
} as const

type ClientFault = keyof typeof REFUSED_CLIENTS

/**
 * Why a client is refused: its LOGIN7 is not what MS-TDS says; it has not the proxy's user and password; it runs as
 * another user of this machine; its TDS has no Entra logins; or the proxy's owner does not want it
 * (`ProxyOptions.refuse`).
 */
export type RefusalReason = 'unreadable' | ClientFault | 'owner'

/** Why a client that sent this login is refused; undefined if it is admitted. */
export function refusalReason(login: Login7, local: LocalLogin, peer: Peer): ClientFault | undefined {
  if (!local.matches(login.userName, login.password)) return 'credentials'
  if (peer === 'other-user') return 'other-user'
  if (!knowsFeatures(login.tdsVersion)) return 'tds-version'
  return undefined
}

/** Who is at the other end of a loopback connection. `unknown`: this system does not tell. */
export type Peer = 'same-user' | 'other-user' | 'unknown'

/** A TCP endpoint, as `net.Socket` names it. */
export interface SocketAddress {
  address: string
  port: number
}

/** Where Linux lists its sockets: those of IPv4, and those of IPv6, which may hold IPv4 connections too (Java's do). */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/** The kernel may leave a line out while sockets come and go. */
const ATTEMPTS = 3

/**
 * Finds out whether the process that made a connection runs as the same user as this one. Root is another user, unless
 * this process is root's too.
 *
 * @param client - the client's end of the connection
 * @param server - our end of it
 */
export async function peerOf(client: SocketAddress, server: SocketAddress): Promise<Peer> {
  if (platform !== 'linux' || geteuid === undefined) return 'unknown'
  const own = geteuid()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const tables = await socketTables()
    if (tables.every((table) => table === undefined)) return 'unknown'
    for (const table of tables) {
      const uid = table === undefined ? undefined : ownerOf(table, client, server)
      if (uid !== undefined) return uid === own ? 'same-user' : 'other-user'
    }
  }
  return 'other-user'
}

/** The kernel takes some ms to list its sockets, so callers share one reading that begins after they asked. */
const socketTables = coalesced(() =>
  Promise.all(TABLES.map((table) => readFile(table, 'latin1').catch(() => undefined))),
)

/** Runs an action for all who ask while one is running: they share the next run, which begins after they asked. */
export function coalesced<T>(action: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  let next: Promise<T> | undefined
  const start = () => {
    next = undefined
    running = action().finally(() => {
      running = undefined
    })
    return running
  }
  return () => {
    if (running === undefined) return start()
    next ??= running.then(start, start)
    return next
  }
}

/**
 * The user id of the socket whose local end is `local` and whose remote end is `remote`.
 *
 * @param table - the text of `/proc/net/tcp` or `/proc/net/tcp6` (proc_net(5)): `sl local_address rem_address st
 * tx_queue:rx_queue tr:tm->when retrnsmt uid …`
 */
export function ownerOf(
  table: string,
  local: SocketAddress,
  remote: SocketAddress,
  order: 'LE' | 'BE' = endianness(),
): number | undefined {
  const ends = new Set(spellings(local, order).map((end, i) => `${end} ${spellings(remote, order)[i]}`))
  for (const line of table.split('\n')) {
    const [, localEnd, remoteEnd, , , , , uid] = line.trim().split(/\s+/)
    if (uid !== undefined && ends.has(`${localEnd} ${remoteEnd}`)) return Number(uid)
  }
  return undefined
}

/** An IPv4 endpoint as the tables spell it: in `tcp`, and mapped to IPv6 in `tcp6`; words are in the machine's order. */
function spellings({ address, port }: SocketAddress, order: 'LE' | 'BE'): [string, string] {
  const bytes = Buffer.from(
    address
      .replace(/^::ffff:/i, '')
      .split('.')
      .map(Number),
  )
  const mapped = Buffer.from([0, 0, 0xff, 0xff])
  if (order === 'LE') {
    bytes.reverse()
    mapped.reverse()
  }
  const hexPort = port.toString(16).padStart(4, '0')
  const hex = bytes.toString('hex')
  const spell = (host: string) => `${host}:${hexPort}`.toUpperCase()
  return [spell(hex), spell(`${'0'.repeat(16)}${mapped.toString('hex')}${hex}`)]
}
