import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { startProxy } from '../../src/proxy/proxy.ts'
import { agreedPacketSize } from '../../src/tds/login-response.ts'
import { MessageStream } from '../../src/tds/message-stream.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { Encryption } from '../../src/tds/prelogin.ts'
import { type Authority, type Gateway, startAuthority, startGateway } from '../../src/testing/index.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { type EntraServer, startEntraServer } from './entra-server.ts'
import { loginFor, openDoor, TdsClient, targetFor } from './support.ts'

/** Principals whose tokens are at least as long as Entra ID's: a managed identity's, and one of many groups. */
const PRINCIPALS = [2_000, 4_500].map((length, i) => ({
  kind: 'user-assigned' as const,
  name: `tokens-of-${length}`,
  clientId: `7e4a0000-0000-4000-8000-0000000000a${i}`,
  objectId: `7e4a0000-0000-4000-8000-0000000000b${i}`,
  tenantId: '7e4a0000-0000-4000-8000-000000000001',
  resourceId: `/subscriptions/${'x'.repeat(length)}`,
}))

const SIZE = 2 ** 20

/** Behind the gateway: sends back what it is sent, in packets of the size that was agreed on. */
let behind: EntraServer
let authority: Authority
const closing: (() => unknown)[] = []
const tokens: string[] = []

beforeAll(async () => {
  authority = await startAuthority({ principals: PRINCIPALS })
  behind = await startEntraServer({ encryption: Encryption.NOT_SUPPORTED, serve: sendBack })
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  behind.forget()
  tokens.length = 0
})
afterAll(async () => {
  await behind?.close()
  await authority?.close()
})

async function sendBack(stream: Duplex): Promise<void> {
  const { packetSize } = behind.logins.at(-1)?.login ?? { packetSize: 0 }
  const messages = new MessageStream(stream)
  for (;;) {
    const { payload } = await messages.read(2 * SIZE)
    await messages.write(PacketType.TABULAR_RESULT, payload, packetSize)
  }
}

/** A gateway that keeps all rules. */
async function strictGateway(): Promise<Gateway> {
  const upstream = { host: '127.0.0.1', port: behind.port, user: 'sa', password: 'geheim', encrypt: false }
  const gateway = await startGateway({ upstream, verification: authority.verification, rules: 'all' })
  closing.push(() => gateway.close())
  return gateway
}

interface Way {
  /** How the proxy speaks to the server. */
  server: true | 'strict'
  /** How the client speaks to the proxy. */
  client: boolean | 'strict'
  principal?: string
  packetSize?: number
}

/** A client that is logged in through a proxy. */
async function session(gateway: Gateway, { server, client: how, principal, packetSize = 4096 }: Way) {
  const named = { principal: principal ?? PRINCIPALS[0]?.name ?? '' }
  const getToken = async () => {
    const { token } = await authority.issueToken(named)
    tokens.push(token)
    return { token, expiresOnTimestamp: Date.now() + 3_600_000 }
  }
  const tokenSource = new TokenSource({ getToken }, { scope: 'test' })
  const proxy = await startProxy({ tokenSource, target: targetFor(gateway, { encrypt: server }) })
  closing.push(() => proxy.close())
  const client = await TdsClient.connect(proxy, { encrypt: how, ca: proxy.ca, serverName: 'localhost' })
  closing.push(() => client.close())
  const answer = await client.logIn(loginFor(proxy, { packetSize }))
  if (answer.kind !== 'accepted') throw new Error('The login was not accepted.', { cause: answer })
  return { client, agreed: agreedPacketSize(answer.tokens) }
}

const text = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 251))

async function exchange(client: TdsClient, payload: Buffer, packetSize: number): Promise<Buffer> {
  const messages = new MessageStream(client.stream)
  void messages.write(PacketType.SQL_BATCH, payload, packetSize)
  return (await messages.read(2 * SIZE)).payload
}

describe.each([true, 'strict'] as const)('a server that wants one packet a record (encrypt: %s)', (server) => {
  it.each(PRINCIPALS.map(({ name }) => name))(
    'takes the login with a token as long as those of %s',
    async (principal) => {
      const gateway = await strictGateway()
      const { client } = await session(gateway, { server, client: false, principal })
      expect(await exchange(client, text(100), 4096)).toEqual(text(100))
      expect(gateway.stats()).toMatchObject({ logins: 1, hungUp: {} })
      expect(tokens[0]?.length).toBeGreaterThan(Number(principal.split('-').at(-1)))
    },
  )

  it.each<[Way['client'], number, number]>([
    [false, 512, 512],
    [false, 4096, 4096],
    [false, 8192, 8192],
    [false, 32_767, 16_383],
    [true, 8192, 8192],
    [true, 32_767, 16_383],
    ['strict', 32_767, 16_383],
  ])(
    'takes 1 MB and gives it back, from a client (encrypt: %s) that asks for packets of %i',
    async (client, asked, agreed) => {
      const gateway = await strictGateway()
      const opened = await session(gateway, { server, client, packetSize: asked })
      expect(opened.agreed).toBe(agreed)
      const payload = text(SIZE)
      expect((await exchange(opened.client, payload, agreed)).equals(payload)).toBe(true)
      expect(gateway.stats().hungUp).toEqual({})
    },
  )

  it('takes small requests that come in one piece', async () => {
    const gateway = await strictGateway()
    const { client } = await session(gateway, { server, client: false })
    const request = encodeMessage(PacketType.SQL_BATCH, text(10))
    client.stream.write(Buffer.concat([request, request, request]))
    const messages = new MessageStream(client.stream)
    for (let i = 0; i < 3; i++) expect((await messages.read(99)).payload).toEqual(text(10))
    expect(gateway.stats().hungUp).toEqual({})
  })

  it('takes a packet that comes in pieces', async () => {
    const gateway = await strictGateway()
    const { client } = await session(gateway, { server, client: false })
    const request = encodeMessage(PacketType.SQL_BATCH, text(1000))
    for (const at of [0, 5, 600]) {
      client.stream.write(request.subarray(at, at === 0 ? 5 : at === 5 ? 600 : undefined))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect((await new MessageStream(client.stream).read(9999)).payload).toEqual(text(1000))
    expect(gateway.stats().hungUp).toEqual({})
  })
})

/** What Node gives to whoever listens for data: each TLS record as a chunk of its own. */
async function records(stream: Duplex, work: () => void, until: (packets: number) => boolean): Promise<Buffer[]> {
  const seen: Buffer[] = []
  stream.on('data', (record: Buffer) => seen.push(record))
  work()
  while (!until(seen.length)) await once(stream, 'data')
  return seen
}

const isOnePacket = (record: Buffer) => record.readUInt16BE(2) === record.length

describe.each([true, 'strict'] as const)('a client that encrypts (%s)', (encrypt) => {
  it('is given one packet a record, however the server sends them', async () => {
    const answer = encodeMessage(PacketType.TABULAR_RESULT, text(50_000), 4096)
    const server = await startEntraServer({
      serve: async (stream) => {
        await new MessageStream(stream).read(999)
        stream.write(answer)
      },
    })
    closing.push(() => server.close())
    const { proxy } = await openDoor(server)
    closing.push(() => proxy.close())
    const client = await TdsClient.connect(proxy, { encrypt, ca: proxy.ca, serverName: 'localhost' })
    closing.push(() => client.close())
    await client.logIn(loginFor(proxy))
    const ask = () => client.stream.write(encodeMessage(PacketType.SQL_BATCH, text(10)))
    const seen = await records(client.stream, ask, (count) => count >= Math.ceil(50_000 / 4088))
    expect(seen.every(isOnePacket)).toBe(true)
    expect(Buffer.concat(seen).equals(answer)).toBe(true)
  })
})

describe('attention', () => {
  it('overtakes nothing, and waits for nothing that is not before it', async () => {
    const types: number[] = []
    let answered: Promise<unknown> = Promise.resolve()
    const flooding = await startEntraServer({
      // Says more than anybody reads, and hears all the while.
      serve: async (stream) => {
        const packets = new PacketReader()
        answered = new Promise((resolve) =>
          stream.write(Buffer.concat(Array(2_000).fill(encodeMessage(4, text(4088)))), resolve),
        )
        for await (const chunk of stream) {
          for (const { type, status } of packets.push(chunk as Buffer)) {
            if (status & PacketStatus.END_OF_MESSAGE) types.push(type)
          }
        }
      },
    })
    closing.push(() => flooding.close())
    const { proxy } = await openDoor(flooding)
    closing.push(() => proxy.close())
    const client = await TdsClient.connect(proxy, { encrypt: true, ca: proxy.ca, serverName: 'localhost' })
    closing.push(() => client.close())
    await client.logIn(loginFor(proxy))
    client.stream.pause()
    client.stream.write(encodeMessage(PacketType.SQL_BATCH, text(20_000)))
    client.stream.write(encodeMessage(PacketType.ATTENTION, Buffer.alloc(0)))
    await vi.waitFor(() => expect(types).toEqual([PacketType.SQL_BATCH, PacketType.ATTENTION]), 10_000)
    client.stream.resume()
    await answered
  })
})
