import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { geteuid, platform } from 'node:process'

/**
 * Who is at the other end of a loopback connection. `gone`: it has closed its end. `unknown`: this system does not tell.
 */
type Peer = 'same-user' | 'other-user' | 'gone' | 'unknown'

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
  const owner = await currentOwner(client, server)
  if (owner === 'unknown') return owner
  if (owner === 'none') return 'gone'
  return owner === geteuid?.() ? 'same-user' : 'other-user'
}

/** Whether the system says that nobody holds the client's end any more. */
export async function isGone(client: SocketAddress, server: SocketAddress): Promise<boolean> {
  const owner = await currentOwner(client, server)
  return owner === 'none' || owner === undefined
}

/** Undefined if the system does not know such a connection, `unknown` if it does not tell. */
async function currentOwner(client: SocketAddress, server: SocketAddress): Promise<Owner | 'unknown' | undefined> {
  if (platform !== 'linux') return 'unknown'
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const owners = (await currentTables())(server.port)
    if (owners === undefined) return 'unknown'
    const owner = ownerOf(owners, client, server)
    if (owner !== undefined) return owner
  }
  return undefined
}

/**
 * What the tables say, by the port of the remote end; undefined without tables. The kernel takes some ms to list its
 * sockets, so callers share one reading that begins after they asked, and what it says of a port: thousands may ask at once.
 */
const currentTables = coalesced(async () => {
  const read = await Promise.all(TABLES.map((table) => readFile(table, 'latin1').catch(() => undefined)))
  const tables = read.filter((table) => table !== undefined)
  const byPort = new Map<number, Owners>()
  return (port: number): Owners | undefined => {
    if (tables.length === 0) return undefined
    const owners = byPort.get(port) ?? new Map(tables.flatMap((table) => [...ownersIn(table, port)]))
    byPort.set(port, owners)
    return owners
  }
})

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

/** A user id; `none` for a socket that its process has closed. */
type Owner = number | 'none'

/** By both ends of a socket. */
type Owners = ReadonlyMap<string, Owner>

/**
 * The owners of the sockets whose remote end has this port.
 *
 * @param table - the text of `/proc/net/tcp` or `/proc/net/tcp6` (proc_net(5)): `sl local_address rem_address st
 * tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`
 */
export function ownersIn(table: string, port: number): Owners {
  const hexPort = port.toString(16).padStart(4, '0').toUpperCase()
  const line = new RegExp(`^ *\\d+: (\\w+:\\w+ \\w+:${hexPort}) \\w+ \\S+ \\S+ \\S+ +(\\d+) +\\d+ +(\\d+)`, 'gm')
  const owners = new Map<string, Owner>()
  for (const [, ends = '', uid, inode] of table.matchAll(line)) {
    // What is left of a socket without a process has no inode, and passes for root's.
    owners.set(ends, inode === '0' ? 'none' : Number(uid))
  }
  return owners
}

/** The owner, of those in {@link ownersIn}, of the socket whose local end is `local` and whose remote end is `remote`. */
export function ownerOf(
  owners: Owners,
  local: SocketAddress,
  remote: SocketAddress,
  order: 'LE' | 'BE' = endianness(),
): Owner | undefined {
  const [ends, mapped] = spellings(local, order).map((end, i) => `${end} ${spellings(remote, order)[i]}`)
  return owners.get(ends ?? '') ?? owners.get(mapped ?? '')
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
