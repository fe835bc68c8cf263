import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ConnectionBudget } from '../../src/proxy/connection-budget.ts'
import type { ProxyEvent } from '../../src/proxy/events.ts'
import { readMessage } from '../../src/tds/messages.ts'
import { encodePacket, PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin } from '../../src/tds/prelogin.ts'
import { HandshakeTransport } from '../../src/tds/tls.ts'
import { runs } from '../support/property-runs.ts'
import { useProxies } from './started-proxies.ts'
import type { TestProxy, TestProxyOptions } from './support.ts'

const proxies = useProxies()
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

async function start(options: TestProxyOptions = {}) {
  const events: ProxyEvent[] = []
  const started = await proxies.start({ ...options, onEvent: (event) => events.push(event) })
  const reasons = () => events.flatMap((each) => (each.type === 'proxy.login-refused' ? [each.reason] : []))
  return { ...started, reasons }
}

async function open({ proxy }: Pick<TestProxy, 'proxy'>): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Writes the same over and over, until the other end has closed; how many bytes it took at the most. */
async function pour(socket: Socket, bytes: Buffer, most: number): Promise<number> {
  let poured = 0
  while (!socket.destroyed && poured < most) {
    poured += bytes.length
    if (!socket.write(bytes)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
  }
  return poured
}

const prelogin = (encryption: number) =>
  encodePacket({
    type: PacketType.PRELOGIN,
    status: 1,
    payload: encodePrelogin({ version: { major: 17, minor: 0, build: 0 }, encryption }),
  })

const MUCH = 64 * 2 ** 20

describe('before a login', () => {
  it.each<[string, first: number | undefined, type: number]>([
    ['a message', undefined, PacketType.PRELOGIN],
    ['a login', Encryption.NOT_SUPPORTED, PacketType.LOGIN7],
    ['a TLS handshake', Encryption.ON, PacketType.PRELOGIN],
  ])('%s of endless packets without a body ends the connection', async (_, encryption, type) => {
    const started = await start()
    const socket = await open(started)
    if (encryption !== undefined) socket.write(prelogin(encryption))
    const headers = Buffer.alloc(65_536, Buffer.from([type, 0, 0, 8, 0, 0, 1, 0]))
    expect(await pour(socket, headers, MUCH)).toBeLessThan(MUCH)
    await vi.waitFor(() => expect(started.reasons()).toEqual(['too-large']))
  })

  it('bytes after the end of TLS wait at the sender', async () => {
    const started = await start({ loginTimeout: 3_000 })
    const socket = await open(started)
    socket.write(prelogin(Encryption.OFF))
    await readMessage(socket, 4096)
    const transport = new HandshakeTransport(socket, { releasable: true })
    const tls = connectTls({ socket: transport, rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
    tls.on('error', () => {})
    await once(tls, 'secureConnect')
    transport.release()
    await pour(socket, Buffer.alloc(65_536, 1), MUCH)
    expect(started.reasons()).toEqual(['timeout'])
    await vi.waitFor(() => expect(started.proxy.stats().connectionsOpen).toBe(0))
    expect(started.proxy.stats().bytesIn).toBeLessThan(2 ** 20)
  })

  it('a login that trickles in is given up', async () => {
    const started = await start({ loginTimeout: 200 })
    const socket = await open(started)
    // On a busy machine these bytes may come too late, and then it is reset.
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(prelogin(Encryption.NOT_SUPPORTED).subarray(0, 5))
    await closed
    expect(started.reasons()).toEqual(['timeout'])
  })

  it('bytes that are not TDS cause an event', async () => {
    const started = await start()
    const socket = await open(started)
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(1_000))
    socket.resume()
    await once(socket, 'close')
    expect(started.reasons()).toEqual(['unreadable'])
  })

  it('a failed TLS handshake causes an event', async () => {
    const started = await start()
    const socket = await open(started)
    socket.write(prelogin(Encryption.ON))
    socket.write(encodePacket({ type: PacketType.PRELOGIN, status: 1, payload: Buffer.from('no TLS at all') }))
    socket.resume()
    await once(socket, 'close')
    expect(started.reasons()).toEqual(['tls'])
  })

  it('the connection that has taken longest is closed to admit another one', async () => {
    const started = await start({ maxLogins: 3 })
    const [first] = [await open(started), await open(started), await open(started)]
    await proxies.loggedIn(started)
    await vi.waitFor(() => expect(started.reasons()).toEqual(['too-many']))
    first.resume()
    if (!first.closed) await once(first, 'close')
    expect(sockets.filter((socket) => socket.closed)).toEqual([first])
  })

  it('a connection beyond the limit is closed', async () => {
    const started = await start({ maxConnections: 1 })
    const client = await proxies.loggedIn(started)
    const socket = await open(started)
    socket.resume()
    await once(socket, 'close')
    expect(started.reasons()).toEqual(['too-many'])
    client.close()
    await vi.waitFor(() => expect(started.proxy.stats().connectionsOpen).toBe(0))
    await proxies.loggedIn(started)
  })
})

it('a connection that has closed no longer counts', () => {
  const budget = new ConnectionBudget({ maxConnections: 2, maxLogins: 1 })
  const turnedOut: number[] = []
  const guests = [0, 1, 2, 3].map((i) => ({ refuseAsTooMany: () => turnedOut.push(i) }))
  const [a, b, c, d] = guests as Required<typeof guests> &
    [(typeof guests)[0], (typeof guests)[0], (typeof guests)[0], (typeof guests)[0]]
  for (const each of [a, b]) budget.add(each)
  budget.beginLogin(a)
  budget.endLogin(a)
  budget.beginLogin(b)
  expect(turnedOut).toEqual([])
  budget.remove(b)
  budget.add(c)
  budget.beginLogin(c)
  budget.endLogin(c)
  budget.remove(a)
  budget.add(d)
  budget.beginLogin(d)
  expect(turnedOut).toEqual([])
})

it('whatever comes and goes, no more connections are open than may be, and none that has logged in is closed', () => {
  const limits = fc.record({
    maxConnections: fc.integer({ min: 1, max: 6 }),
    maxLogins: fc.integer({ min: 1, max: 4 }),
  })
  const steps = fc.array(fc.tuple(fc.constantFrom('come', 'begin', 'log in', 'go'), fc.nat(20)), { maxLength: 60 })
  fc.assert(
    fc.property(limits, steps, ({ maxConnections, maxLogins }, taken) => {
      const budget = new ConnectionBudget({ maxConnections, maxLogins })
      const guests: { state: string; refuseAsTooMany(): void }[] = []
      const count = (state: string) => guests.filter((each) => each.state === state).length
      for (const [step, index] of taken) {
        const guest = guests[index % guests.length]
        if (step === 'come') {
          const guest = {
            state: 'unknown',
            refuseAsTooMany() {
              expect(guest.state).toBe('logging in')
              guest.state = 'refused'
              budget.remove(guest)
            },
          }
          guests.push(guest)
          budget.add(guest)
        } else if (step === 'begin' && guest?.state === 'unknown') {
          const room = count('logging in') + count('logged in') < maxConnections
          guest.state = 'logging in'
          budget.beginLogin(guest)
          if (room) expect(guest.state).toBe('logging in')
        } else if (step === 'log in' && guest?.state === 'logging in') {
          guest.state = 'logged in'
          budget.endLogin(guest)
        } else if (step === 'go' && guest !== undefined) {
          guest.state = 'gone'
          budget.remove(guest)
        }
        expect(count('logging in')).toBeLessThanOrEqual(maxLogins)
        expect(count('logging in') + count('logged in')).toBeLessThanOrEqual(maxConnections)
      }
    }),
    runs(1_000),
  )
})

const canBeAnother = process.platform === 'linux' && process.geteuid?.() === 0

describe('5,000 idle connections of another user (needs root)', () => {
  it.runIf(canBeAnother)('are closed, and do not hold up a login or the event loop', { timeout: 120_000 }, async () => {
    const STRANGERS = 5_000
    const started = await start()
    const script = `
      const { connect } = require('net')
      let left = ${STRANGERS}
      const next = () => { if (left-- > 0) connect(${started.proxy.port}, '127.0.0.1').on('connect', next).on('error', () => {}) }
      for (let i = 0; i < 50; i++) next()
      setInterval(() => {}, 1000)`
    const delay = monitorEventLoopDelay({ resolution: 10 })
    delay.enable()
    const child = spawn(process.execPath, ['-e', script], { uid: 65_534, gid: 65_534, stdio: 'ignore', cwd: '/' })
    await vi.waitFor(() => expect(started.proxy.stats().connections).toBeGreaterThan(100), { timeout: 60_000 })
    const from = performance.now()
    await proxies.loggedIn(started)
    const login = performance.now() - from
    await vi.waitFor(() => expect(started.reasons().length).toBeGreaterThan(STRANGERS * 0.9), { timeout: 60_000 })
    delay.disable()
    if (process.env.MEASURE) console.log({ login, delay: delay.max / 1e6, refused: started.reasons().length })
    expect(new Set(started.reasons())).toEqual(new Set(['other-user']))
    expect(started.proxy.stats().connectionsOpen).toBeLessThan(STRANGERS * 0.1)
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
})
