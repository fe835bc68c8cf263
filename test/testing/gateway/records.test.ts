import { describe, expect, it } from 'vitest'
import { encodeMessage, encodePacket, PacketStatus, PacketType } from '../../../src/tds/packet.ts'
import type { Gateway, GatewayRule } from '../../../src/testing/index.ts'
import { login7, packets, RawClient } from './raw-client.ts'
import { useStrictGateways } from './support.ts'

const azure = useStrictGateways()
const dialects = [
  ['TDS 7', false],
  ['TDS 8', true],
] as const

const batch = (length: number) => Buffer.alloc(length, 'x', 'utf16le')
const { SQL_BATCH, LOGIN7 } = PacketType

/** The client was hung up on for this rule, and told nothing. */
async function expectHungUp(client: RawClient, gateway: Gateway, rule: GatewayRule): Promise<void> {
  expect((await client.rest()).length).toBe(0)
  expect(gateway.stats().hungUp).toEqual({ [rule]: 1 })
}

describe.each(dialects)('over %s', (_, strict) => {
  async function open(options: Parameters<typeof azure.start>[0] = {}) {
    const gateway = await azure.start(options)
    return { gateway, client: await RawClient.connect(gateway, { strict }) }
  }

  async function session(options: Parameters<typeof azure.start>[0] = {}, packetSize = 4096) {
    const opened = await open(options)
    await opened.client.logIn(await azure.token(), { packetSize })
    return opened
  }

  it('a client that writes one packet per record is served, in messages of any length', async () => {
    const { client, gateway } = await session()
    for (const length of [2, 4088, 4090, 8176, 100_000]) {
      await client.sendMessage(SQL_BATCH, batch(length))
      await client.answer()
      expect(azure.server.requests.at(-1)).toEqual({ type: SQL_BATCH, length })
    }
    expect(gateway.stats().hungUp).toEqual({})
    client.close()
  })

  it('LOGIN7 of two packets in one record ends the connection', async () => {
    const { client, gateway } = await open()
    const message = encodeMessage(LOGIN7, login7('x'.repeat(2000)))
    expect(packets(message)).toHaveLength(2)
    await client.send(message)
    await expectHungUp(client, gateway, 'record-per-packet')
  })

  it('LOGIN7 in a packet of more than 4096 bytes ends the connection, even if a larger size is requested', async () => {
    const { client, gateway } = await open()
    await client.send(encodeMessage(LOGIN7, login7('x'.repeat(2000), { packetSize: 8192 }), 8192))
    await expectHungUp(client, gateway, 'packet-size')
  })

  it('a packet that is split over two records ends the connection', async () => {
    const { client, gateway } = await session()
    const packet = encodeMessage(SQL_BATCH, batch(1000))
    await client.send(packet.subarray(0, 500))
    await client.send(packet.subarray(500))
    await expectHungUp(client, gateway, 'record-per-packet')
  })

  it('two small packets in one record end the connection', async () => {
    const { client, gateway } = await session()
    await client.send(Buffer.concat([encodeMessage(SQL_BATCH, batch(10)), encodeMessage(SQL_BATCH, batch(10))]))
    await expectHungUp(client, gateway, 'record-per-packet')
  })

  it('a packet of more than the agreed size ends the connection', async () => {
    const { client, gateway } = await session()
    await client.send(encodePacket({ type: SQL_BATCH, status: PacketStatus.END_OF_MESSAGE, payload: batch(4090) }))
    await expectHungUp(client, gateway, 'packet-size')
  })

  it('a packet that is not full and not the last of its message ends the connection', async () => {
    const { client, gateway } = await session()
    await client.send(encodePacket({ type: SQL_BATCH, status: PacketStatus.NORMAL, payload: batch(4086) }))
    await expectHungUp(client, gateway, 'full-packets')
  })

  it('packets have the size that was agreed on in the login answer', async () => {
    const { client, gateway } = await session({}, 8192)
    await client.sendMessage(SQL_BATCH, batch(20_000), 8192)
    await client.answer()
    await client.sendMessage(SQL_BATCH, batch(20_000), 4096)
    await expectHungUp(client, gateway, 'full-packets')
  })

  it('a rule that is turned off is not enforced', async () => {
    const { client } = await session({ rules: { 'record-per-packet': false, 'packet-size': false } })
    await client.send(encodeMessage(SQL_BATCH, batch(10_000)))
    await client.answer()
    await client.send(encodePacket({ type: SQL_BATCH, status: PacketStatus.END_OF_MESSAGE, payload: batch(9000) }))
    await client.answer()
    client.close()
  })

  it('records are told apart even if many wait to be read', async () => {
    const { client, gateway } = await session()
    const fault = gateway.inject({ at: 'request', action: { delay: 100 }, times: 1 })
    await client.sendMessage(SQL_BATCH, batch(2 ** 20))
    await client.answer()
    expect(fault.hits).toBe(1)
    expect(gateway.stats().hungUp).toEqual({})
    client.close()
  })
})
