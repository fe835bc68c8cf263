import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { logIn } from '../../src/login/client-login.ts'
import { TdsProtocolError } from '../../src/tds/bytes.ts'
import { FedAuthLibrary, parseFedAuthInfo } from '../../src/tds/features.ts'
import { agreedPacketSize, isWholeAnswer, type LoginToken, parseLoginResponse } from '../../src/tds/login-response.ts'
import { encodeLogin7, parseLogin7 } from '../../src/tds/login7.ts'
import { encodeMessage, PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin, parsePrelogin } from '../../src/tds/prelogin.ts'
import { EnvChange, encodeDone, encodeFeatureExtAck, encodeInfo, encodeLoginAck } from '../../src/tds/tokens.ts'
import { parseFedAuthRequest } from '../../src/testing/gateway/fed-auth.ts'
import { encodeBinaryChange, encodeSessionState, encodeTextChange } from '../../src/testing/gateway/server-tokens.ts'
import * as captured from './captures.ts'
import * as specified from './specification-examples.ts'

const payloadOf = (packet: Buffer) => packet.subarray(8)

function featuresOf(tokens: LoginToken[]) {
  for (const token of tokens) if (token.kind === 'features') return token.features
  throw new Error('There is no FEATUREEXTACK.')
}

describe('what real servers answered to PRELOGIN', () => {
  it.each([
    ['SQL Server 2008 SP2', captured.preloginOf2008, { major: 10, minor: 0, build: 4000 }, Encryption.ON],
    ['Azure SQL Database', captured.preloginOfAzure, { major: 11, minor: 0, build: 1247 }, Encryption.ON],
    ['SQL Server 2014', captured.preloginOf2014, { major: 12, minor: 0, build: 6024 }, Encryption.OFF],
    ['SQL Server 2017', captured.preloginOf2017, { major: 14, minor: 0, build: 3038 }, Encryption.NOT_SUPPORTED],
  ])('%s: version and encryption are read', (_, bytes, version, encryption) => {
    expect(parsePrelogin(bytes)).toMatchObject({ version, encryption, instance: '' })
  })

  it('is written to the same bytes', () => {
    const answer = { version: { major: 14, minor: 0, build: 3038 }, encryption: Encryption.NOT_SUPPORTED, instance: '' }
    expect(encodePrelogin(answer)).toEqual(captured.preloginOf2017)
  })

  it('is read the same with bytes behind it that no option names', () => {
    const longer = Buffer.concat([captured.preloginOf2017, Buffer.from([1, 2, 3, 4])])
    expect(parsePrelogin(longer)).toEqual(parsePrelogin(captured.preloginOf2017))
  })
})

describe('LOGIN7 of the specification', () => {
  const examples = [
    ['4.2', specified.loginRequest],
    ['4.3', specified.fedAuthLoginRequest],
    ['4.16', specified.sessionRecoveryRequest],
    ['4.20', specified.azureSqlLoginRequest],
  ] as const

  it.each(examples)('%s is written back to the same bytes, except for unused ones', (_, packet) => {
    const written = encodeLogin7(parseLogin7(payloadOf(packet)))
    expect(withoutIdleOffsets(written)).toEqual(withoutIdleOffsets(payloadOf(packet)))
  })

  it('has its features at the end, and FEDAUTH is the last of it', () => {
    const { features, ...login } = parseLogin7(payloadOf(specified.fedAuthLoginRequest))
    expect(login).toMatchObject({ hostName: 'DANBENED3-XGZUO', serverName: 'cloud.dev.mscds.com,1435', userName: '' })
    expect(features.map(({ id, data }) => [id, data.length])).toEqual([[2, 1854]])
    expect(features[0]?.data.subarray(5, 17).toString('utf16le')).toBe('t=EwCQ')
  })

  it('with an unknown FEDAUTH library is refused by name', () => {
    const [feature] = parseLogin7(payloadOf(specified.fedAuthLoginRequest)).features
    const data = feature?.data ?? Buffer.alloc(0)
    expect(() => parseFedAuthRequest(data)).toThrow(new TdsProtocolError('FEDAUTH library 0 is not known here.'))
    // The same token as today's library says it, with the nonce of that time behind it.
    const today = Buffer.concat([Buffer.from([(FedAuthLibrary.SECURITY_TOKEN << 1) | 1]), data.subarray(1)])
    expect(parseFedAuthRequest(today)).toMatchObject({ echo: true, token: expect.stringMatching(/^t=EwCQ.*&p=/) })
  })

  it('asks for the features that SqlClient asks Azure for', () => {
    const { features, packetSize, serverName } = parseLogin7(payloadOf(specified.azureSqlLoginRequest))
    expect(features.map(({ id, data }) => `${id}:${data.toString('hex')}`)).toEqual(['1:', '4:01', '5:', '8:01'])
    expect(packetSize).toBe(8000)
    expect(serverName).toMatch(/,37008$/)
  })
})

/** LOGIN7 with 0 for the offset of each part that has no length: nobody may look there, and writers differ. */
function withoutIdleOffsets(message: Buffer): Buffer {
  const copy = Buffer.from(message)
  // Nine parts, six bytes of client id, three parts.
  const parts = [...Array.from({ length: 9 }, (_, i) => 36 + i * 4), 78, 82, 86]
  for (const at of parts) if (copy.readUInt16LE(at + 2) === 0) copy.writeUInt16LE(0, at)
  return copy
}

describe('what real servers answered to LOGIN7', () => {
  it('LOGINACK of SQL Server 2017 is written to the same bytes', () => {
    expect(encodeLoginAck('Microsoft SQL Server\0\0', [14, 0, 0x0b, 0xde])).toEqual(captured.loginAckOf2017)
    expect(parseLoginResponse(captured.loginAckOf2017)).toMatchObject([{ kind: 'loginAck' }])
  })

  it('a redirect of Azure without an old value is read', () => {
    expect(parseLoginResponse(captured.routingWithoutOldValue)).toMatchObject([
      { kind: 'routing', routing: { host: 'testing', port: 12_345 } },
    ])
  })

  it('FEDAUTHINFO of Azure, which names the SPN first, is read', () => {
    const [token] = parseLoginResponse(captured.fedAuthInfoOfAzure)
    const info = {
      spn: 'https://database.windows.net/',
      stsUrl: 'https://login.windows.net/00000000-0000-0000-0000-000000000000',
    }
    expect(token).toMatchObject({ kind: 'fedAuthInfo', info })
    expect(parseFedAuthInfo(captured.fedAuthInfoOfAzure.subarray(5))).toEqual(info)
  })

  it('FEDAUTHINFO that was cut off anywhere is refused cleanly', () => {
    for (let length = 1; length < captured.fedAuthInfoOfAzure.length; length++) {
      expect(() => parseLoginResponse(captured.fedAuthInfoOfAzure.subarray(0, length))).toThrow(TdsProtocolError)
    }
  })

  it('features that recover a session are read, and nothing is left over', () => {
    const tokens = parseLoginResponse(payloadOf(specified.sessionRecoveryResponse))
    expect(Buffer.concat(tokens.map((token) => token.bytes))).toEqual(payloadOf(specified.sessionRecoveryResponse))
    expect(featuresOf(tokens).map(({ id, data }) => [id, data.length])).toEqual([[1, 46]])
  })
})

describe('a login that Azure answers with what its own procedures did first', () => {
  it('has DONEINPROC before LOGINACK, features, and the packet size that was asked for', () => {
    const tokens = parseLoginResponse(payloadOf(specified.azureSqlLoginResponse))
    expect(tokens.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 14 }, () => 'private'),
      ...['database', 'info', 'other', 'other', 'info', 'loginAck', 'packetSize', 'features', 'done'],
    ])
    expect(agreedPacketSize(tokens)).toBe(8000)
    expect(isWholeAnswer(tokens)).toBe(true)
    expect(isWholeAnswer(tokens.slice(0, -1))).toBe(false)
    expect(featuresOf(tokens).map(({ id }) => id)).toEqual([1, 4, 5, 8])
    expect(Buffer.concat(tokens.map(({ bytes }) => bytes))).toEqual(payloadOf(specified.azureSqlLoginResponse))
  })

  it('begins like that on Synapse, and what is cut off there is refused cleanly', () => {
    const whole = captured.beginningOfSynapse.subarray(0, 13)
    expect(parseLoginResponse(whole)).toMatchObject([{ kind: 'private' }])
    expect(() => parseLoginResponse(captured.beginningOfSynapse)).toThrow(TdsProtocolError)
  })

  it.each([1, 7, 4096])('is recognized as an accepted login, in chunks of %i bytes', async (length) => {
    const answer = specified.azureSqlLoginResponse
    const server = new Duplex({
      read() {},
      write(_, __, done) {
        for (let at = 0; at < answer.length; at += length) this.push(answer.subarray(at, at + length))
        done()
      },
    })
    const login = parseLogin7(payloadOf(specified.azureSqlLoginRequest))
    expect(await logIn(server, login)).toMatchObject({ kind: 'accepted', spid: 0x77 })
  })

  it('may contain SESSIONSTATE, whose length has 32 bits, between two DONE', () => {
    const payload = payloadOf(specified.sessionStateResponse)
    expect(parseLoginResponse(payload)).toMatchObject([
      { kind: 'done', final: false },
      { kind: 'sessionState' },
      { kind: 'done', final: true },
    ])
    const state = encodeSessionState(1, [{ id: 9, value: Buffer.alloc(4, 0xff) }])
    expect(payload.subarray(13, -13)).toEqual(state)
  })
})

describe('our encoders', () => {
  const DONE_IN_PROC = 0xff
  const row = (status: number, command: number, count: bigint) => encodeDone(status, count, command, DONE_IN_PROC)
  const [one, none, end] = [row(0x11, 0xc1, 1n), row(0x11, 0xc1, 0n), row(0x01, 0xc0, 0n)]
  const info = (number: number, state: number, message: string) =>
    encodeInfo({ number, state, class: 0, message, serverName: 'testsvr', procedureName: '', line: 1 })

  it('write the whole answer of an Azure gateway to the same bytes', () => {
    const recovery = Buffer.concat([
      Buffer.from('00090060 8114FFE7 FFFF0002 02070104 01000504 FFFFFFFF 06010007 01020808'.replaceAll(' ', ''), 'hex'),
      Buffer.from('00000000 00000000 0904FFFF FFFF0B47'.replaceAll(' ', ''), 'hex'),
      // The example cuts the last character in half, and counts it so.
      Buffer.from('5D7ED70B-B92E-412B-B32F-760CD74DB92C', 'utf16le').subarray(0, -1),
    ])
    const on = Buffer.from([1])
    const payload = Buffer.concat([
      ...[one, none, end, one, none, end, one, one, none, end, one, none, end, one],
      encodeTextChange(EnvChange.DATABASE, 'testdb', 'master'),
      info(5701, 2, "Changed database context to 'testdb'."),
      encodeBinaryChange(EnvChange.COLLATION, Buffer.from([0x09, 0x04, 0xd0, 0x00, 0x34])),
      encodeTextChange(EnvChange.LANGUAGE, 'us_english'),
      info(5703, 1, 'Changed language setting to us_english.'),
      encodeLoginAck('Microsoft SQL Server\0\0', [12, 0, 3, 0xe8]),
      encodeTextChange(EnvChange.PACKET_SIZE, '8000', '4096'),
      encodeFeatureExtAck([
        { id: 1, data: recovery },
        { id: 4, data: on },
        { id: 5, data: on },
        { id: 8, data: on },
      ]),
      encodeDone(0),
    ])
    const packet = encodeMessage(PacketType.TABULAR_RESULT, payload, 4096, 0x77)
    expect(packet.toString('hex')).toBe(specified.azureSqlLoginResponse.toString('hex'))
    expect(one.subarray(0, 13)).toEqual(captured.beginningOfSynapse.subarray(0, 13))
  })

  it('write an attention to the same bytes', () => {
    expect(encodeMessage(PacketType.ATTENTION, Buffer.alloc(0))).toEqual(specified.attention)
  })
})
