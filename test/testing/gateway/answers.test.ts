import { describe, expect, it } from 'vitest'
import { ByteReader } from '../../../src/tds/bytes.ts'
import { encodeFedAuthRequest, Feature, FedAuthLibrary, parseFeatures } from '../../../src/tds/features.ts'
import { PacketType } from '../../../src/tds/packet.ts'
import { EnvChange, TokenType } from '../../../src/tds/tokens.ts'
import { encodeTextChange } from '../../../src/testing/gateway/server-tokens.ts'
import { startMinimalServer } from './minimal-server.ts'
import { login7, packets, RawClient } from './raw-client.ts'
import { useStrictGateways } from './support.ts'

const azure = useStrictGateways()

/** The types of the tokens of a login's answer, read by nothing but their lengths (MS-TDS 2.2.7). */
function typesIn(answer: Buffer): number[] {
  const reader = new ByteReader(answer, 'the answer')
  const types: number[] = []
  while (reader.left > 0) {
    const type = reader.uint8()
    types.push(type)
    if (type === TokenType.DONE || type === TokenType.DONEINPROC) reader.bytes(12)
    else if (type === TokenType.FEATUREEXTACK) parseFeatures(reader)
    else reader.bytes(type === TokenType.SESSIONSTATE ? reader.uint32() : reader.uint16())
  }
  return types
}

const { DONEINPROC, LOGINACK, SESSIONSTATE, INFO } = TokenType
const sessionRecovery = { id: Feature.SESSION_RECOVERY, data: Buffer.alloc(0) }

describe('the answer to a login', () => {
  it('of Synapse has three DONEINPROC before LOGINACK', async () => {
    const client = await RawClient.connect(await azure.start({ kind: 'synapse' }))
    const types = typesIn(await client.logIn(await azure.token()))
    const before = types.slice(0, types.indexOf(LOGINACK))
    expect(before.filter((type) => type === DONEINPROC)).toHaveLength(3)
    client.close()
  })

  it('has SESSIONSTATE only for a client that asked for session recovery', async () => {
    const gateway = await azure.start({ loginAnswer: { sessionState: true } })
    const library = FedAuthLibrary.SECURITY_TOKEN
    const data = encodeFedAuthRequest({ library, echo: true, token: await azure.token() })
    for (const features of [[{ id: Feature.FEDAUTH, data }], [sessionRecovery, { id: Feature.FEDAUTH, data }]]) {
      const client = await RawClient.connect(gateway)
      const types = typesIn(await client.logIn('', { features }))
      expect(types.includes(SESSIONSTATE)).toBe(features.includes(sessionRecovery))
      client.close()
    }
  })

  it.each([false, true])(
    'that is longer than a packet comes in full packets, each a record (TDS 8: %s)',
    async (strict) => {
      const client = await RawClient.connect(await azure.start({ loginAnswer: { infos: 6 } }), { strict })
      await client.sendMessage(PacketType.LOGIN7, login7(await azure.token()))
      const records = await client.records()
      expect(records.length).toBeGreaterThan(3)
      expect(records.map((record) => record.readUInt16BE(2))).toEqual(records.map(({ length }) => length))
      expect(records.slice(0, -1).every(({ length }) => length === 4096)).toBe(true)
      const types = typesIn(Buffer.concat(records.map((record) => record.subarray(8))))
      expect(types.filter((type) => type === INFO)).toHaveLength(6)
      client.close()
    },
  )

  it('limits packets to 16383 bytes if the client asks for more', async () => {
    const gateway = await azure.start()
    const client = await RawClient.connect(gateway)
    const answer = await client.logIn(await azure.token(), { packetSize: 32_767 })
    const agreed = encodeTextChange(EnvChange.PACKET_SIZE, '16383', '16383')
    expect(answer.includes(agreed)).toBe(true)
    await client.sendMessage(PacketType.SQL_BATCH, Buffer.alloc(50_000), 16_383)
    await client.answer()
    expect(gateway.stats().hungUp).toEqual({})
    client.close()
  })
})

describe('a server that answers and hangs up', () => {
  it.each([
    ['an error', 100],
    ['many packets', 300_000],
  ])('has its whole answer passed on: %s', async (_, length) => {
    const last = Buffer.alloc(length, 7)
    const server = await startMinimalServer('geheim', last)
    const upstream = { host: '127.0.0.1', port: server.port, user: 'sa', password: 'geheim', encrypt: false }
    const client = await RawClient.connect(await azure.start({ upstream }))
    await client.logIn(await azure.token())
    await client.sendMessage(PacketType.SQL_BATCH, Buffer.alloc(100))
    const heard = packets(await client.rest())
    expect(Buffer.concat(heard.map((packet) => packet.subarray(8))).equals(last)).toBe(true)
    await server.close()
  })
})
