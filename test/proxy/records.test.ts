import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { readMessage } from '../../src/tds/messages.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { type EntraServer, type EntraServerOptions, startEntraServer } from './entra-server.ts'
import { bytesOf, PRINCIPALS, type SessionOptions, useStrictGateway } from './strict-gateway.ts'
import { loginFor, startTestProxy, TdsClient } from './support.ts'

const azure = useStrictGateway()
const SIZE = 2 ** 18

describe.each([true, 'strict'] as const)('a server that requires one packet per record (encrypt: %s)', (server) => {
  it.each(PRINCIPALS.map(({ name }) => name))('accepts the login with one of the %s', async (principal) => {
    const gateway = await azure.start()
    const { exchange } = await azure.session(gateway, { server, principal })
    expect(await exchange(bytesOf(100))).toEqual(bytesOf(100))
    expect(gateway.stats()).toMatchObject({ logins: 1, hungUp: {} })
    expect(azure.tokens[0]?.length).toBeGreaterThan(Number(principal.split('-').at(-1)))
  })

  it.each<[SessionOptions['client'], number, number]>([
    [false, 512, 512],
    [false, 4096, 4096],
    [false, 8192, 8192],
    [false, 32_767, 16_383],
    [true, 8192, 8192],
    [true, 32_767, 16_383],
    ['strict', 32_767, 16_383],
  ])(
    'takes 256 KiB and gives it back, from a client (encrypt: %s) that asks for packets of %i',
    async (client, asked, agreed) => {
      const gateway = await azure.start()
      const { packetSize, exchange } = await azure.session(gateway, { server, client, login: { packetSize: asked } })
      expect(packetSize).toBe(agreed)
      const payload = bytesOf(SIZE)
      expect((await exchange(payload)).equals(payload)).toBe(true)
      expect(gateway.stats().hungUp).toEqual({})
    },
  )

  it('accepts small requests that arrive together', async () => {
    const gateway = await azure.start()
    const { client } = await azure.session(gateway, { server })
    const request = encodeMessage(PacketType.SQL_BATCH, bytesOf(10))
    client.stream.write(Buffer.concat([request, request, request]))
    for (let i = 0; i < 3; i++) expect((await readMessage(client.stream, 99)).payload).toEqual(bytesOf(10))
    expect(gateway.stats().hungUp).toEqual({})
  })

  it('accepts a packet that arrives in pieces', async () => {
    const gateway = await azure.start()
    const { client } = await azure.session(gateway, { server })
    const request = encodeMessage(PacketType.SQL_BATCH, bytesOf(1000))
    for (const piece of [request.subarray(0, 5), request.subarray(5, 600), request.subarray(600)]) {
      await new Promise((resolve) => client.stream.write(piece, resolve))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect((await readMessage(client.stream, 9999)).payload).toEqual(bytesOf(1000))
    expect(gateway.stats().hungUp).toEqual({})
  })
})

/** A client that is logged in through a proxy on a server of its own. */
async function through(encrypt: boolean | 'strict', options: EntraServerOptions): Promise<TdsClient> {
  const server: EntraServer = azure.keep(await startEntraServer(options))
  const { proxy } = await startTestProxy(server)
  azure.keep(proxy)
  const client = azure.keep(await TdsClient.connect(proxy, { encrypt, tls: { ca: proxy.ca }, serverName: 'localhost' }))
  await client.logIn(loginFor(proxy))
  return client
}

/** The records of so many bytes: Node gives each as a chunk of its own to whoever listens for data. */
async function records(stream: Duplex, bytes: number): Promise<Buffer[]> {
  const seen: Buffer[] = []
  let left = bytes
  stream.on('data', (record: Buffer) => {
    seen.push(record)
    left -= record.length
  })
  while (left > 0) await once(stream, 'data')
  return seen
}

describe.each([true, 'strict'] as const)('a client that encrypts (%s)', (encrypt) => {
  const lengths = [10, 5_000, 100, 9_000, 4_088, 0, 50_000]
  const answer = Buffer.concat(lengths.map((length) => encodeMessage(PacketType.TABULAR_RESULT, bytesOf(length))))

  it('gets one packet per record, however the server sends them', async () => {
    const serve = async (stream: Duplex) => {
      await readMessage(stream, 999)
      stream.write(answer)
    }
    const client = await through(encrypt, { serve })
    client.stream.write(encodeMessage(PacketType.SQL_BATCH, bytesOf(10)))
    const seen = await records(client.stream, answer.length)
    expect(seen).toEqual([...new PacketReader().cut(answer)])
  })

  it('gets everything that the server sent before it disconnected', async () => {
    const large = Buffer.concat(Array<Buffer>(100).fill(answer))
    const serve = async (stream: Duplex) => {
      await readMessage(stream, 999)
      stream.end(large)
    }
    const client = await through(encrypt, { serve })
    client.stream.write(encodeMessage(PacketType.SQL_BATCH, bytesOf(10)))
    let length = 0
    for await (const chunk of client.stream) length += (chunk as Buffer).length
    expect(length).toBe(large.length)
  })
})

describe('attention', () => {
  it.each([false, true, 'strict'] as const)(
    'of a client (encrypt: %s) overtakes nothing and waits only for earlier messages',
    async (encrypt) => {
      const types: number[] = []
      // Says more than anybody reads, and hears all the while.
      const serve = async (stream: Duplex) => {
        const packets = new PacketReader()
        stream.write(Buffer.concat(Array<Buffer>(2_000).fill(encodeMessage(PacketType.TABULAR_RESULT, bytesOf(4088)))))
        for await (const chunk of stream) {
          for (const { type, status } of packets.push(chunk as Buffer)) {
            if (status & PacketStatus.END_OF_MESSAGE) types.push(type)
          }
        }
      }
      const client = await through(encrypt, { serve })
      client.stream.pause()
      const batch = encodeMessage(PacketType.SQL_BATCH, bytesOf(20_000))
      client.stream.write(Buffer.concat([batch, encodeMessage(PacketType.ATTENTION, Buffer.alloc(0))]))
      await vi.waitFor(() => expect(types).toEqual([PacketType.SQL_BATCH, PacketType.ATTENTION]), 10_000)
    },
  )
})
