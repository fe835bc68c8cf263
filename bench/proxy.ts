/**
 * What the loopback proxy costs beside a direct connection: bytes in both directions, round trips, logins; and how much
 * memory it takes. Client, proxy and server are processes of their own; server and direct client speak TLS.
 *
 *     npx tsx bench/proxy.ts [--megabytes 1024] [--round-trips 2000] [--logins 50] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { withToken } from '../src/proxy/upstream.ts'
import { connectToServer, logIn } from '../src/tds/client-login.ts'
import { loginFor } from '../test/proxy/support.ts'
import { type Ends, type Order, receive, send } from './proxy-transfer.ts'

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1024' },
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

/** Opens a session, and gives what it goes on. */
const ways = {
  async direct() {
    const address = { host: 'localhost', port: server.ends.port, encrypt: true, trustServerCertificate: false } as const
    const { stream, prelogin } = await connectToServer(
      { ...address, ca: server.ends.ca },
      { signal: never, fedAuth: true },
    )
    const wishes = loginFor({ user: '', password: '' })
    await logIn(
      stream,
      withToken(wishes, { host: 'localhost', encrypt: true }, 'token', prelogin.fedAuthRequired ?? false),
    )
    return stream
  },
  async proxied() {
    const address = { host: '127.0.0.1', port: proxy.ends.port, encrypt: false, trustServerCertificate: false } as const
    const { stream } = await connectToServer(address, { signal: never })
    await logIn(stream, loginFor(proxy.ends))
    return stream
  },
}
type Way = keyof typeof ways

/** Gives an order on a new session, and how long it took, in s. */
async function transfer(way: Way, order: Order): Promise<number> {
  const stream = await ways[way]()
  stream.write(JSON.stringify(order).padEnd(64))
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
  stream.write(JSON.stringify({ direction: 'echo', bytes: 0 }).padEnd(64))
  const begun = performance.now()
  for (let i = 0; i < roundTrips; i++) {
    stream.write(Buffer.alloc(200))
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

async function both(name: string, unit: string, measure: (way: Way) => Promise<number>) {
  await measure('direct')
  await measure('proxied')
  const direct = await measure('direct')
  const proxied = await measure('proxied')
  return { name, unit, direct, proxied, ratio: proxied / direct }
}

const before = await memory()
const figures = [
  await both(`${values.megabytes} MB to the server`, 's', (way) => transfer(way, { direction: 'up', bytes })),
  await both(`${values.megabytes} MB from the server`, 's', (way) => transfer(way, { direction: 'down', bytes })),
  await both('a round trip of 200 bytes', 'ms', async (way) => (await pingPong(way)) * 1000),
  await both('a login', 'ms', async (way) => (await login(way)) * 1000),
]
const after = await memory()
const megabytes = (size: number) => Math.round(size / 2 ** 20)
const proxyMemory = { before: megabytes(before.rss), peak: megabytes(after.peak), after: megabytes(after.rss) }

if (values.json) console.log(JSON.stringify({ figures, proxyMemoryMb: proxyMemory }, undefined, 2))
else {
  console.table(
    Object.fromEntries(
      figures.map(({ name, unit, direct, proxied, ratio }) => [
        name,
        { direct: `${direct.toFixed(3)} ${unit}`, proxied: `${proxied.toFixed(3)} ${unit}`, ratio: ratio.toFixed(2) },
      ]),
    ),
  )
  console.log(`Memory of the proxy's process (RSS): ${proxyMemory.before} MB before, ${proxyMemory.peak} MB at most.`)
}
proxy.child.disconnect()
server.child.disconnect()
