/**
 * What the loopback proxy costs beside a direct connection, and beside a relay of bytes that does not mind packets: bytes
 * in both directions, round trips, logins; and how much memory it takes. Client, proxy and server are processes of their
 * own; server and direct client speak TLS.
 *
 *     npx tsx bench/proxy.ts [--megabytes 100] [--round-trips 2000] [--logins 50] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connectToServer, logIn } from '../src/login/client-login.ts'
import { withToken } from '../src/login/token-login.ts'
import { loginFor } from '../test/proxy/support.ts'
import { type Ends, type Order, packetOf, receive, send, targetFor } from './proxy-transfer.ts'

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '100' },
    'round-trips': { type: 'string', default: '2000' },
    logins: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
  },
})
const bytes = Number(values.megabytes) * 2 ** 20
const roundTrips = Number(values['round-trips'])
const logins = Number(values.logins)

const never = new AbortController().signal

async function start(module: string, ...args: string[]): Promise<{ child: ChildProcess; ends: Ends }> {
  const child = fork(fileURLToPath(new URL(module, import.meta.url)), args, { execArgv: ['--import', 'tsx'] })
  const [ends] = await once(child, 'message')
  return { child, ends }
}

const server = await start('./proxy-server.ts')
const proxy = await start('./proxy-process.ts', JSON.stringify(server.ends))
const byteRelay = await start('./byte-relay-process.ts', JSON.stringify(server.ends))

async function plainSession(ends: Ends): Promise<Duplex> {
  const address = { host: '127.0.0.1', port: ends.port, encrypt: false, trustServerCertificate: false } as const
  const { stream } = await connectToServer(address, { signal: never })
  await logIn(stream, loginFor(ends))
  return stream
}

/** Opens a session, and gives what it goes on. */
const ways = {
  async direct() {
    const { stream, prelogin } = await connectToServer(targetFor(server.ends), { signal: never, fedAuth: true })
    const wishes = loginFor({ user: '', password: '' })
    await logIn(
      stream,
      withToken(wishes, { host: 'localhost', encrypt: true }, 'token', prelogin.fedAuthRequired ?? false),
    )
    return stream
  },
  proxied: () => plainSession(proxy.ends),
  relayed: () => plainSession(byteRelay.ends),
}
type Way = keyof typeof ways

/** Gives an order on a new session, and how long it took, in s. */
async function transfer(way: Way, order: Order): Promise<number> {
  const stream = await ways[way]()
  stream.write(packetOf(Buffer.from(JSON.stringify(order))))
  const begun = performance.now()
  if (order.direction === 'down') await receive(stream, order.bytes)
  else {
    await send(stream, order.bytes)
    await receive(stream, 1)
  }
  const took = (performance.now() - begun) / 1000
  stream.destroy()
  return took
}

async function pingPong(way: Way): Promise<number> {
  const stream = await ways[way]()
  stream.write(packetOf(Buffer.from(JSON.stringify({ direction: 'echo', bytes: 0 } satisfies Order))))
  const request = packetOf(Buffer.alloc(192))
  const begun = performance.now()
  for (let i = 0; i < roundTrips; i++) {
    stream.write(request)
    await receive(stream, 200)
  }
  const took = (performance.now() - begun) / 1000
  stream.destroy()
  return took / roundTrips
}

async function login(way: Way): Promise<number> {
  const begun = performance.now()
  for (let i = 0; i < logins; i++) (await ways[way]()).destroy()
  return (performance.now() - begun) / 1000 / logins
}

const memory = async (): Promise<{ rss: number; peak: number }> => {
  proxy.child.send('memory')
  return (await once(proxy.child, 'message'))[0]
}

async function each(name: string, unit: string, measure: (way: Way) => Promise<number>) {
  const figure = { name, unit, direct: 0, relayed: 0, proxied: 0 }
  for (const way of ['direct', 'relayed', 'proxied'] as const) {
    await measure(way)
    figure[way] = await measure(way)
  }
  return { ...figure, ratio: figure.proxied / figure.direct }
}

const before = await memory()
const figures = [
  await each(`${values.megabytes} MB to the server`, 's', (way) => transfer(way, { direction: 'up', bytes })),
  await each(`${values.megabytes} MB from the server`, 's', (way) => transfer(way, { direction: 'down', bytes })),
  await each('a round trip of 200 bytes', 'ms', async (way) => (await pingPong(way)) * 1000),
  await each('a login', 'ms', async (way) => (await login(way)) * 1000),
]
const after = await memory()
const megabytes = (size: number) => Math.round(size / 2 ** 20)
const proxyMemory = { before: megabytes(before.rss), peak: megabytes(after.peak), after: megabytes(after.rss) }

if (values.json) console.log(JSON.stringify({ figures, proxyMemoryMb: proxyMemory }, undefined, 2))
else {
  console.table(
    Object.fromEntries(
      figures.map(({ name, unit, direct, relayed, proxied, ratio }) => {
        const shown = (value: number) => `${value.toFixed(3)} ${unit}`
        const row = { direct: shown(direct), unframed: shown(relayed), proxied: shown(proxied) }
        return [name, { ...row, ratio: ratio.toFixed(2) }]
      }),
    ),
  )
  console.log(`Memory of the proxy's process (RSS): ${proxyMemory.before} MB before, ${proxyMemory.peak} MB at most.`)
}
proxy.child.disconnect()
byteRelay.child.disconnect()
server.child.disconnect()
