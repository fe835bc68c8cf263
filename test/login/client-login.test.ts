import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { duplexPair } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectToServer, logIn } from '../../src/login/client-login.ts'
import { FedAuthLibrary } from '../../src/tds/features.ts'
import { agreedPacketSize, parseLoginResponse } from '../../src/tds/login-response.ts'
import { CLIENT_ID } from '../../src/tds/login7.ts'
import { readMessage, writeMessage } from '../../src/tds/messages.ts'
import { PacketType } from '../../src/tds/packet.ts'
import { Encryption, parsePrelogin } from '../../src/tds/prelogin.ts'
import { acceptTls } from '../../src/tds/tls.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeError,
  encodeFeatureExtAck,
  encodeInfo,
  encodeLoginAck,
  TokenType,
} from '../../src/tds/tokens.ts'
import { encodeRouting, encodeTextChange } from '../../src/testing/gateway/server-tokens.ts'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'
import { loginFor } from '../proxy/support.ts'

const login = loginFor({ user: 'u', password: 'p' })
const ack = encodeLoginAck('Microsoft SQL Server', [16, 0, 0, 0])
const done = encodeDone(DoneStatus.FINAL)
const features = encodeFeatureExtAck([{ id: FedAuthLibrary.ADAL, data: Buffer.alloc(0) }])
const size = encodeTextChange(EnvChange.PACKET_SIZE, '8000', '4096')
const info = encodeInfo({ number: 5701, state: 2, class: 0, message: 'x'.repeat(2000) })
const error = encodeError({ number: 18456, state: 1, class: 14, message: 'No.' })
const unknown = Buffer.from([0x42, 1, 2, 3])
const procedures = [TokenType.DONEPROC, TokenType.DONEINPROC].map((type) => encodeDone(DoneStatus.MORE, 1n, 0xc1, type))
const returnStatus = Buffer.from([TokenType.RETURNSTATUS, 0, 0, 0, 0])
const partner = encodeTextChange(EnvChange.MIRRORING_PARTNER, 'partner')
const sessionState = Buffer.concat([Buffer.from([TokenType.SESSIONSTATE, 0x70, 0x11, 1, 0]), Buffer.alloc(70_000)])

/** What a login makes of an answer of these messages. */
async function answerTo(...messages: Buffer[][]) {
  const [client, server] = duplexPair()
  const answer = logIn(client, login)
  await readMessage(server, 9999)
  for (const tokens of messages) await writeMessage(server, PacketType.TABULAR_RESULT, Buffer.concat(tokens))
  server.end()
  return answer
}

describe('an answer to LOGIN7', () => {
  it.each<[string, Buffer[][]]>([
    ['in which procedures are done before LOGINACK', [[...procedures, returnStatus, size, ack, features, done]]],
    ['in which a statement is done before LOGINACK', [[encodeDone(DoneStatus.MORE), size, ack, features, done]]],
    ['with SESSIONSTATE of more than 64 KB', [[size, ack, features, sessionState, done]]],
    ['with a partner', [[size, partner, ack, features, done]]],
    ['of many INFO tokens and packets', [[...Array<Buffer>(12).fill(info), size, ack, features, done]]],
    ['of several messages', [[info, size], [ack], [features, done]]],
    ['with a token that nobody knows behind LOGINACK', [[size, ack, features, unknown]]],
  ])('%s is read', async (_, messages) => {
    const answer = await answerTo(...messages)
    expect(answer.kind).toBe('accepted')
    expect(answer.kind === 'accepted' && agreedPacketSize(answer.tokens)).toBe(8000)
  })

  it.each<[string, Buffer[][]]>([
    ['behind other tokens', [[info, ...procedures, error, done]]],
    ['before a token that nobody knows', [[error, unknown]]],
    ['in a second message', [[info], [error, done]]],
  ])('that is an error %s is a refusal', async (_, messages) => {
    expect(await answerTo(...messages)).toMatchObject({ kind: 'refused', message: { number: 18456 } })
  })

  it.each<[string, Buffer[]]>([
    ['with LOGINACK', [ack, encodeRouting({ host: 'h\\i', port: 1 }), features, done]],
    ['without LOGINACK', [encodeRouting({ host: 'h\\i', port: 1 }), done]],
  ])('with a redirect is followed %s', async (_, tokens) => {
    expect(await answerTo(tokens)).toEqual({ kind: 'routed', routing: { host: 'h\\i', port: 1 } })
  })

  it('that neither accepts nor refuses is an error', async () => {
    await expect(answerTo([info, done])).rejects.toThrow('neither by LOGINACK nor by an error')
    await expect(answerTo([unknown])).rejects.toThrow('neither by LOGINACK nor by an error')
  })

  it('keeps everything after a token of unknown type in one piece', () => {
    const tokens = parseLoginResponse(Buffer.concat([ack, unknown, done]))
    expect(tokens.map(({ kind }) => kind)).toEqual(['loginAck', 'unknown'])
    expect(tokens[1]?.bytes).toEqual(Buffer.concat([unknown, done]))
  })
})

describe('the first message to a server', () => {
  const server = createServer()
  let tls: { key: string; cert: string }
  let ca: string
  beforeAll(async () => {
    const authority = await createCertificateAuthority()
    const { key, certificate } = await authority.issue({ hosts: ['localhost'] })
    tls = { key, cert: certificate }
    ca = authority.certificate
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(() => {
    server.close()
  })

  /** PRELOGIN as it arrives. */
  async function prelogin(encrypt: boolean | 'strict'): Promise<Buffer> {
    const { port } = server.address() as AddressInfo
    const stop = new AbortController()
    const connecting = connectToServer(
      { host: 'localhost', port, encrypt, trustServerCertificate: false, tls: { ca } },
      { signal: stop.signal, fedAuth: true },
    ).catch(() => {})
    const [socket] = await once(server, 'connection')
    const stream: Duplex = encrypt === 'strict' ? await acceptTls(socket, tls) : socket
    const { payload } = await readMessage(stream, 4096)
    stop.abort()
    await connecting
    socket.destroy()
    return payload
  }

  it('has the options of all drivers, in their order', async () => {
    const bytes = await prelogin(true)
    const options = Array.from({ length: 7 }, (_, i) => bytes[i * 5])
    expect(options).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(bytes[35]).toBe(0xff)
    expect(parsePrelogin(bytes)).toMatchObject({
      encryption: Encryption.ON,
      instance: '',
      mars: false,
      fedAuthRequired: true,
    })
    expect(parsePrelogin(bytes).traceId).toHaveLength(36)
  })

  it.each([
    ['strict' as const, Encryption.NOT_SUPPORTED],
    [false, Encryption.NOT_SUPPORTED],
    [true, Encryption.ON],
  ])('announces, with encrypt: %s, encryption %i', async (encrypt, said) => {
    expect(parsePrelogin(await prelogin(encrypt)).encryption).toBe(said)
  })
})

describe('the id of this machine', () => {
  it('has the form of a locally administered network address', () => {
    expect(CLIENT_ID).toHaveLength(6)
    expect((CLIENT_ID[0] ?? 0) & 0b11).toBe(0b10)
  })
})
