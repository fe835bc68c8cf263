import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { geteuid, platform } from 'node:process'

/** Who is at the other end of a loopback connection. `unknown`: this system does not tell. */
export type Peer = 'same-user' | 'other-user' | 'unknown'

/** A TCP endpoint, as `net.Socket` names it. */
export interface Endpoint {
  address: string
  port: number
}

/** Where Linux lists its sockets: those of IPv4, and those of IPv6, which may hold IPv4 connections too (Java's do). */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/**
 * Runs an action once for all who ask while one is under way: they are answered by the next, which begins after they
 * asked.
 */
export class Coalesced<T> {
  readonly #action: () => Promise<T>
  #running: Promise<T> | undefined
  #next: Promise<T> | undefined

  constructor(action: () => Promise<T>) {
    this.#action = action
  }

  get(): Promise<T> {
    if (this.#running === undefined) return this.#start()
    const start = () => this.#start()
    this.#next ??= this.#running.then(start, start)
    return this.#next
  }

  #start(): Promise<T> {
    this.#next = undefined
    this.#running = this.#action().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }
}

/** It takes the kernel some ms to list them. */
const socketTables = new Coalesced(() =>
  Promise.all(TABLES.map((table) => readFile(table, 'latin1').catch(() => undefined))),
)

/** The kernel may leave a line out while sockets come and go. */
const ATTEMPTS = 3

/**
 * Finds out whether the process that made a connection runs as the same user as this one. Root is another user, unless
 * this process is root's too.
 *
 * @param client - the client's end of the connection
 * @param server - our end of it
 */
export async function peerOf(client: Endpoint, server: Endpoint): Promise<Peer> {
  if (platform !== 'linux' || geteuid === undefined) return 'unknown'
  const own = geteuid()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const tables = await socketTables.get()
    if (tables.every((table) => table === undefined)) return 'unknown'
    for (const table of tables) {
      const uid = table === undefined ? undefined : ownerOf(table, client, server)
      if (uid !== undefined) return uid === own ? 'same-user' : 'other-user'
    }
  }
  return 'other-user'
}

/**
 * The user id of the socket whose local end is `local` and whose remote end is `remote`.
 *
 * @param table - the text of `/proc/net/tcp` or `/proc/net/tcp6` (proc_net(5)): `sl local_address rem_address st
 * tx_queue:rx_queue tr:tm->when retrnsmt uid …`
 */
export function ownerOf(
  table: string,
  local: Endpoint,
  remote: Endpoint,
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
function spellings({ address, port }: Endpoint, order: 'LE' | 'BE'): [string, string] {
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
