import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { LocalLogin } from '../../src/proxy/admission.ts'
import { encodeLogin7, type Login7, parseLogin7 } from '../../src/tds/login7.ts'
import { readMessage } from '../../src/tds/messages.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin } from '../../src/tds/prelogin.ts'
import { connectTls, connectTlsInTds } from '../../src/tds/tls.ts'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { runs } from '../support/property-runs.ts'
import { startChopper, writeCut } from './chopper.ts'
import { type EntraServer, startEntraServer } from './entra-server.ts'
import { logInEncrypted } from './login-only-client.ts'
import { loginFor, startTestProxy, TdsClient, type TestProxy } from './support.ts'

let server: EntraServer
let started: TestProxy
let bystander: TdsClient

beforeAll(async () => {
  server = await startEntraServer()
  started = await startTestProxy(server, { loginTimeout: 30_000 })
  bystander = await TdsClient.connect(started.proxy)
  await bystander.logIn(loginFor(started.proxy))
})
afterAll(async () => {
  bystander.close()
  await started.proxy.close()
  await server.close()
})

const prelogin = (encryption: number) =>
  encodeMessage(PacketType.PRELOGIN, encodePrelogin({ version: { major: 11, minor: 0, build: 0 }, encryption }))
const login7 = (login: Login7) => encodeMessage(PacketType.LOGIN7, encodeLogin7(login))
const wrong = loginFor({ user: 'sa', password: 'geheim' })

async function dial(): Promise<Socket> {
  const socket = connect({ port: started.proxy.port, host: started.proxy.host, noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** The point of a login at which the client goes astray; gives what it writes on. */
const STAGES = {
  'at once': dial,
  'after PRELOGIN': async () => {
    const socket = await dial()
    socket.write(prelogin(Encryption.NOT_SUPPORTED))
    await readMessage(socket, 4096)
    return socket
  },
  'during the TLS handshake of TDS 7': async () => {
    const socket = await dial()
    socket.write(prelogin(Encryption.ON))
    await readMessage(socket, 4096)
    return socket
  },
  'during the TLS handshake of a login': async () => {
    const socket = await dial()
    socket.write(prelogin(Encryption.OFF))
    await readMessage(socket, 4096)
    return socket
  },
  'during the TLS handshake of TDS 8': async () => {
    const socket = await dial()
    socket.write(Buffer.from([0x16, 0x03, 0x01]))
    return socket
  },
  'within TLS': async () => {
    const socket = await dial()
    socket.write(prelogin(Encryption.ON))
    await readMessage(socket, 4096)
    return connectTlsInTds(socket, { ca: started.proxy.ca, servername: 'localhost' })
  },
  'within the TLS of TDS 8': async () => connectTls(await dial(), { ca: started.proxy.ca, servername: 'localhost' }),
  'after a login that was refused': async () => {
    const socket = await dial()
    socket.write(Buffer.concat([prelogin(Encryption.NOT_SUPPORTED), login7(wrong)]))
    return socket
  },
}

/** What was dialled and asked for since the bystander's own login. */
const asked = () => ({ dialled: server.connections, tokens: started.credential.requests })
const NOTHING = { dialled: 1, tokens: 1 }

const junk = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes))
/** Bytes that look like a packet, whose content makes no sense. */
const packets = fc
  .tuple(fc.constantFrom(...Object.values(PacketType)), junk)
  .map(([type, payload]) => encodeMessage(type, payload))

describe('malformed bytes', () => {
  it.each(Object.keys(STAGES) as (keyof typeof STAGES)[])('%s end only their own connection', async (stage) => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(junk, packets), async (bytes) => {
        const stream = await STAGES[stage]()
        stream.on('error', () => {})
        stream.resume()
        stream.end(bytes)
        if (!stream.closed) await once(stream, 'close')
        expect(asked()).toEqual(NOTHING)
      }),
      runs(60),
    )
    expect(await bystander.ask()).toEqual(encodeDone(DoneStatus.FINAL))
    await vi.waitFor(() => expect(started.proxy.stats()).toMatchObject({ connectionsOpen: 1, sessionsOpen: 1 }))
  })
})

describe('a login that is not the proxy’s', () => {
  const right = () => loginFor(started.proxy, { features: [{ id: 4, data: Buffer.from([1, 2, 3]) }] })
  const isRight = (bytes: Buffer) => {
    try {
      const { userName, password } = parseLogin7(bytes)
      return new LocalLogin(started.proxy.user, started.proxy.password).matches(userName, password)
    } catch {
      return false
    }
  }
  const text = fc.string({ maxLength: 70, unit: 'binary' })

  it('never causes a connection to the server or a token request', async () => {
    const strange = fc.record({ userName: text, password: text }).map((login) => encodeLogin7({ ...right(), ...login }))
    const near = fc
      .record({ user: fc.boolean(), at: fc.nat(), by: fc.integer({ min: 1, max: 0xffff }) })
      .map(({ user, at, by }) => {
        const { userName, password } = right()
        const bent = (value: string) => {
          const i = at % value.length
          return value.slice(0, i) + String.fromCharCode((value.charCodeAt(i) + by) & 0xffff) + value.slice(i + 1)
        }
        return encodeLogin7({ ...right(), ...(user ? { userName: bent(userName) } : { password: bent(password) }) })
      })
    const damaged = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }).map((changes) => {
      const bytes = Buffer.from(encodeLogin7(right()))
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      return bytes
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(strange, near, damaged), async (bytes) => {
        fc.pre(!isRight(bytes))
        const socket = await dial()
        socket.resume()
        socket.end(Buffer.concat([prelogin(Encryption.NOT_SUPPORTED), encodeMessage(PacketType.LOGIN7, bytes)]))
        await once(socket, 'close')
        expect(asked()).toEqual(NOTHING)
      }),
      runs(300),
    )
  })
})

describe('a login that stops anywhere', () => {
  it('is closed in time, wherever it stops, and causes no upstream connection', async () => {
    const slow = await startTestProxy(server, { loginTimeout: 100 })
    const whole = Buffer.concat([prelogin(Encryption.NOT_SUPPORTED), login7(loginFor(slow.proxy))])
    const { connections } = server
    try {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
          const socket = connect({ port: slow.proxy.port, host: slow.proxy.host, noDelay: true })
          socket.on('error', () => {}).resume()
          const before = slow.proxy.stats().refused.timeout
          socket.write(whole.subarray(0, length))
          await new Promise((resolve) => socket.once('close', resolve))
          expect(slow.proxy.stats().refused.timeout).toBe(before + 1)
        }),
        runs(15),
      )
      expect(slow.credential.requests).toBe(0)
      expect(server.connections).toBe(connections)
    } finally {
      await slow.proxy.close()
    }
  })
})

describe('any split of the stream', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 })
  const batch = encodeMessage(PacketType.SQL_BATCH, Buffer.alloc(5000, 'x'))
  const attention = encodeMessage(PacketType.ATTENTION, Buffer.alloc(0))
  const requests = Buffer.concat([batch, attention, batch])

  /** All that a client says, without waiting for an answer; and all that it hears. */
  async function conversation(cut: readonly number[]): Promise<Buffer> {
    const socket = await dial()
    const said = [prelogin(Encryption.NOT_SUPPORTED), login7(loginFor(started.proxy)), requests]
    const heard = hear(socket, said.length + 2)
    await writeCut(socket, Buffer.concat(said), cut)
    try {
      return await heard
    } finally {
      socket.destroy()
    }
  }

  /** The bytes of so many messages. */
  async function hear(socket: Socket, messages: number): Promise<Buffer> {
    const packets = new PacketReader()
    const heard: Buffer[] = []
    for await (const chunk of socket) {
      heard.push(chunk as Buffer)
      for (const { status } of packets.push(chunk as Buffer)) if (status & PacketStatus.END_OF_MESSAGE) messages--
      if (messages === 0) return Buffer.concat(heard)
    }
    throw new Error('The connection was closed too early.')
  }

  it('of a client gives the same result', async () => {
    const whole = await conversation([])
    await fc.assert(
      fc.asyncProperty(sizes, async (cut) => {
        expect((await conversation(cut)).equals(whole)).toBe(true)
      }),
      runs(40),
    )
  })

  it.each(['encrypted', 'encrypted at login', 'strict'] as const)(
    'gives the same result where it is %s',
    async (how) => {
      await fc.assert(
        fc.asyncProperty(sizes, async (cut) => {
          const near = await startChopper(started.proxy.port, cut)
          const far = await startChopper(server.port, cut)
          const cutProxy = await startTestProxy({ port: far.port, ca: server.ca })
          try {
            for (const [through, login] of [
              [near.port, started.proxy],
              [await redirect(cutProxy, cut), cutProxy.proxy],
            ] as const) {
              const answers = await exchange(how, through, login)
              expect(answers).toEqual([
                encodeDone(DoneStatus.FINAL),
                encodeDone(DoneStatus.ATTENTION),
                encodeDone(DoneStatus.FINAL),
              ])
            }
          } finally {
            for (const chopper of choppers.splice(0)) await chopper.close()
            await cutProxy.proxy.close()
            await Promise.all([near.close(), far.close()])
          }
        }),
        runs(8),
      )
    },
  )

  const choppers: Awaited<ReturnType<typeof startChopper>>[] = []
  async function redirect({ proxy }: TestProxy, cut: readonly number[]): Promise<number> {
    const chopper = await startChopper(proxy.port, cut)
    choppers.push(chopper)
    return chopper.port
  }

  async function exchange(how: string, port: number, proxy: TestProxy['proxy']): Promise<Buffer[]> {
    if (how === 'encrypted at login') {
      const { stream, encryption } = await logInEncrypted(port, proxy.ca, loginFor(proxy), requests)
      expect(encryption).toBe(Encryption.OFF)
      await readMessage(stream, 4096)
      const answers = [await readMessage(stream, 99), await readMessage(stream, 99), await readMessage(stream, 99)]
      stream.destroy()
      return answers.map(({ payload }) => payload)
    }
    const encrypt = how === 'strict' ? ('strict' as const) : true
    const client = await TdsClient.connect(proxy, { port, encrypt, tls: { ca: proxy.ca }, serverName: 'localhost' })
    expect(await client.logIn(loginFor(proxy))).toMatchObject({ kind: 'accepted' })
    client.stream.write(requests)
    const answers = [
      await readMessage(client.stream, 99),
      await readMessage(client.stream, 99),
      await readMessage(client.stream, 99),
    ]
    client.close()
    return answers.map(({ payload }) => payload)
  }
})
