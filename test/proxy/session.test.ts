import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import type { ProxyEvent } from '../../src/proxy/events.ts'
import { startProxy } from '../../src/proxy/proxy.ts'
import { parseLoginResponse } from '../../src/tds/login-response.ts'
import { readMessage } from '../../src/tds/messages.ts'
import { encodePacket, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { useProxies } from './started-proxies.ts'
import { CountingCredential, loginFor, type TestProxy, targetFor } from './support.ts'

const proxies = useProxies()

const allClosed = ({ proxy }: Pick<TestProxy, 'proxy'>) =>
  vi.waitFor(() => expect(proxy.stats()).toMatchObject({ sessionsOpen: 0, connectionsOpen: 0 }), 20_000)

/** Writes until nobody takes any more. */
async function fill(stream: Duplex): Promise<void> {
  const chunk = encodePacket({ type: PacketType.BULK_LOAD, status: 0, payload: Buffer.alloc(30_000) })
  for (let left = 2_000; left > 0; left--) {
    if (stream.write(chunk)) continue
    const drained = once(stream, 'drain').then(() => true)
    if (!(await Promise.race([drained, new Promise((resolve) => setTimeout(() => resolve(false), 500))]))) return
  }
}

describe('a session', () => {
  it('has its own upstream connection for its whole life', async () => {
    const started = await proxies.start()
    const made = [await proxies.loggedIn(started), await proxies.loggedIn(started), await proxies.loggedIn(started)]
    for (const each of made) for (let i = 0; i < 3; i++) await each.ask()
    expect(proxies.server.connections).toBe(3)
    expect(started.proxy.stats()).toMatchObject({ sessions: 3, sessionsOpen: 3 })
  })

  it('passes attention and connection resets on unchanged', async () => {
    const made = await proxies.loggedIn(await proxies.start())
    expect(await made.ask(PacketType.ATTENTION, Buffer.alloc(0))).toEqual(encodeDone(DoneStatus.ATTENTION))
    const status = PacketStatus.END_OF_MESSAGE | PacketStatus.RESET_CONNECTION
    made.stream.write(encodePacket({ type: PacketType.RPC, status, payload: Buffer.alloc(100) }))
    await vi.waitFor(() =>
      expect(proxies.server.packets).toEqual([
        { type: PacketType.ATTENTION, status: 1, length: 0 },
        { type: PacketType.RPC, status, length: 100 },
      ]),
    )
  })

  it('ends upstream when the client disconnects, after its last data has arrived', async () => {
    const started = await proxies.start()
    const made = await proxies.loggedIn(started)
    const last = encodePacket({ type: PacketType.SQL_BATCH, status: 1, payload: Buffer.alloc(1000) })
    made.socket.end(last)
    await vi.waitFor(() => expect(proxies.server.sockets.size).toBe(0))
    expect(proxies.server.packets).toEqual([{ type: PacketType.SQL_BATCH, status: 1, length: 1000 }])
    await vi.waitFor(() => expect(started.proxy.stats()).toMatchObject({ sessionsOpen: 0, connectionsOpen: 0 }))
  })

  it('ends upstream when the client’s connection breaks', async () => {
    const started = await proxies.start()
    const made = await proxies.loggedIn(started)
    made.socket.resetAndDestroy()
    await vi.waitFor(() => expect(proxies.server.sockets.size).toBe(0))
  })

  it.each(['end', 'reset'] as const)('ends for the client when the server disconnects: %s', async (how) => {
    const started = await proxies.start()
    const made = await proxies.loggedIn(started)
    const [socket] = proxies.server.sockets
    if (how === 'end') socket?.destroy()
    else socket?.resetAndDestroy()
    await made.closed()
    await vi.waitFor(() => expect(started.proxy.stats()).toMatchObject({ sessionsOpen: 0, connectionsOpen: 0 }))
  })

  describe('that one end closes', () => {
    const SIZE = 24 * 2 ** 20

    /** Reads slower than the other end writes, to the end, so that bytes are under way when that one goes. */
    async function readSlowly(stream: Duplex): Promise<number> {
      let length = 0
      for await (const chunk of stream) {
        length += (chunk as Buffer).length
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      return length
    }

    it('delivers to the client everything that the server sent before', async () => {
      const generous = await proxies.another({
        serve: async (stream) => {
          stream.end(Buffer.alloc(SIZE, 7))
        },
      })
      const made = await proxies.loggedIn(await proxies.start({}, generous))
      expect(await readSlowly(made.stream)).toBe(SIZE)
    })

    it('delivers to the server everything that the client sent before', async () => {
      let read: Promise<number> | undefined
      const slow = await proxies.another({
        serve: async (stream) => {
          read = readSlowly(stream)
          await read
        },
      })
      const made = await proxies.loggedIn(await proxies.start({}, slow))
      made.stream.end(Buffer.alloc(SIZE, 7))
      await vi.waitFor(() => expect(read).toBeDefined())
      expect(await read).toBe(SIZE)
    })
  })

  it('continues when its token expires, unless endAtExpiry is set', async () => {
    const started = await proxies.start()
    started.credential.lifetime = 1_500
    const strict = await proxies.start({ endAtExpiry: true })
    strict.credential.lifetime = 1_500
    const [left, ended] = [await proxies.loggedIn(started), await proxies.loggedIn(strict)]
    const { payload } = await readMessage(ended.stream, 4096)
    expect(parseLoginResponse(payload)).toMatchObject([
      { kind: 'error', message: { number: 50_000, class: 20, message: expect.stringContaining('has expired') } },
      { kind: 'done' },
    ])
    await ended.closed()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await left.ask()).toEqual(encodeDone(DoneStatus.FINAL))
    expect(strict.proxy.stats().sessionsOpen).toBe(0)
  })

  it('ends without a word in the middle of an answer when its token expires', async () => {
    const rows = encodePacket({
      type: PacketType.TABULAR_RESULT,
      status: PacketStatus.NORMAL,
      payload: Buffer.alloc(100),
    })
    const endless = await proxies.another({
      serve: async (stream) => {
        stream.write(rows)
        for await (const _ of stream);
      },
    })
    const strict = await proxies.start({ endAtExpiry: true }, endless)
    strict.credential.lifetime = 1_500
    const made = await proxies.loggedIn(strict)
    const heard: Buffer[] = []
    for await (const chunk of made.stream) heard.push(chunk as Buffer)
    expect(Buffer.concat(heard)).toEqual(rows)
  })

  describe('of a client that goes while the server does not read', () => {
    /** A session on a server that does not read. */
    async function deafSession() {
      const deaf = await proxies.another({
        serve: async (stream) => {
          stream.pause()
          await once(stream, 'close')
        },
      })
      const started = await proxies.start({}, deaf)
      return { started, made: await proxies.loggedIn(started) }
    }

    it.each<[string, (socket: Socket) => void]>([
      ['is cut off', (socket) => socket.resetAndDestroy()],
      ['is killed', (socket) => socket.destroy()],
    ])('ends upstream where it %s', { timeout: 60_000 }, async (_, leave) => {
      const { started, made } = await deafSession()
      await fill(made.stream)
      leave(made.socket)
      await allClosed(started)
    })

    it('ends upstream where it half-closes', { timeout: 60_000 }, async () => {
      const { started, made } = await deafSession()
      made.socket.end()
      await allClosed(started)
    })
  })

  describe('of a client that goes and has read nothing of an endless answer', () => {
    it.each<[string, (socket: Socket) => void]>([
      ['is cut off', (socket) => socket.resetAndDestroy()],
      ['is killed', (socket) => socket.destroy()],
      ['half-closes', (socket) => socket.end()],
    ])('ends upstream where it %s', { timeout: 60_000 }, async (_, leave) => {
      let full: Promise<void> | undefined
      const endless = await proxies.another({
        serve: async (stream) => {
          stream.resume()
          full = fill(stream)
          await once(stream, 'close')
        },
      })
      const started = await proxies.start({}, endless)
      const made = await proxies.loggedIn(started)
      made.stream.pause()
      await vi.waitFor(() => expect(full).toBeDefined())
      await full
      leave(made.socket)
      await allClosed(started)
      await vi.waitFor(() => expect(endless.sockets.size).toBe(0))
    })
  })

  it('begins with a new token if the current one is about to expire', async () => {
    const credential = new CountingCredential()
    const tokenSource = new TokenSource(credential, {
      scope: 'test',
      timing: { deadlineMarginMin: 600, deadlineFraction: 1 },
    })
    const proxy = await startProxy({ target: targetFor(proxies.server), tokenSource })
    const started = { proxy, credential }
    proxies.keep(started)
    credential.lifetime = 2_000
    await proxies.loggedIn(started)
    await vi.waitFor(
      async () => {
        await proxies.loggedIn(started)
        expect(proxies.server.logins.at(-1)?.token).toBe('token-2')
      },
      { timeout: 20_000 },
    )
  })

  it('appears in events and statistics', async () => {
    const events: ProxyEvent[] = []
    const started = await proxies.start({ onEvent: (event) => events.push(event) })
    const other = await proxies.client(started)
    await other.logIn(loginFor({ user: 'x', password: 'y' }))
    const made = await proxies.loggedIn(started, { applicationName: 'psql', database: 'd' })
    await made.ask()
    made.close()
    await vi.waitFor(() => expect(events).toHaveLength(3))
    expect(events).toEqual([
      { type: 'proxy.login-refused', at: expect.any(Number), reason: 'credentials' },
      { type: 'proxy.session-opened', at: expect.any(Number), session: 1, applicationName: 'psql', database: 'd' },
      {
        type: 'proxy.session-closed',
        at: expect.any(Number),
        session: 1,
        durationMs: expect.any(Number),
        bytesIn: expect.any(Number),
        bytesOut: expect.any(Number),
      },
    ])
    const { bytesIn, bytesOut } = events[2] as Extract<ProxyEvent, { type: 'proxy.session-closed' }>
    expect(bytesIn).toBeGreaterThan(200)
    expect(bytesOut).toBeGreaterThan(50)
    await vi.waitFor(() => expect(started.proxy.stats()).toMatchObject({ connections: 2, connectionsOpen: 0 }))
    expect(started.proxy.stats().bytesIn).toBeGreaterThan(bytesIn)
    expect(JSON.stringify(events) + inspect(started.proxy.stats())).not.toMatch(/token-1/)
  })
})
