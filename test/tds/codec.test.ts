import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TdsProtocolError } from '../../src/tds/bytes.ts'
import { encodeFedAuthRequest, Feature, FedAuthLibrary, parseFedAuthInfo } from '../../src/tds/features.ts'
import { parseLoginResponse } from '../../src/tds/login-response.ts'
import { encodeLogin7, type Login7, MAX_LOGIN7_LENGTH, parseLogin7 } from '../../src/tds/login7.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin, parsePrelogin } from '../../src/tds/prelogin.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeError,
  encodeFeatureExtAck,
  encodeLoginAck,
} from '../../src/tds/tokens.ts'
import {
  encodeFedAuthInfo,
  encodeFedAuthToken,
  parseFedAuthRequest,
  parseFedAuthToken,
} from '../../src/testing/gateway/fed-auth.ts'
import { encodeRouting, encodeTextChange } from '../../src/testing/gateway/server-tokens.ts'
import { fedAuthLoginResponse, loginRequest, loginResponse, preloginRequest } from './specification-examples.ts'

const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array))
const text = (maxLength: number) => fc.string({ maxLength, unit: 'grapheme' })

/** Whatever the bytes are, the parser gives something or says what is wrong with them. */
function cleanly(parse: (bytes: Buffer) => unknown, seeds: Buffer[] = []) {
  const mutated = fc
    .tuple(fc.constantFrom(Buffer.alloc(0), ...seeds), fc.nat(), fc.nat(255), fc.nat())
    .map(([seed, at, value, cut]) => {
      const copy = Buffer.from(seed)
      if (copy.length > 0) copy[at % copy.length] = value
      return copy.subarray(0, cut % 3 === 0 ? cut % (copy.length + 1) : copy.length)
    })
  fc.assert(
    fc.property(fc.oneof(bytes, mutated), (input) => {
      try {
        parse(input)
      } catch (error) {
        expect(error).toBeInstanceOf(TdsProtocolError)
      }
    }),
    { numRuns: 2000 },
  )
}

const payloadOf = (packet: Buffer) => packet.subarray(8)

const login = (): Login7 => ({
  tdsVersion: 0x74000004,
  packetSize: 4096,
  clientProgramVersion: 0x07000000,
  clientProcessId: 256,
  connectionId: 0,
  flags: [0xe0, 0x03, 0, 0],
  timeZone: -60,
  lcid: 0x0409,
  hostName: 'host',
  userName: 'user',
  password: 'pässword€',
  applicationName: 'app',
  serverName: 'server',
  libraryName: 'library',
  language: 'us_english',
  database: 'database',
  clientId: Buffer.from([0, 1, 2, 3, 4, 5]),
  sspi: Buffer.alloc(0),
  attachDatabaseFile: '',
  changePassword: '',
  features: [],
})

describe('packets', () => {
  it('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.integer({ min: 9, max: 600 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
        (payload, packetSize, cuts) => {
          const stream = encodeMessage(PacketType.RPC, Buffer.from(payload), packetSize)
          const reader = new PacketReader()
          const packets = []
          for (let at = 0, i = 0; at < stream.length; i++) {
            const length = cuts[i % cuts.length] ?? 1
            packets.push(...reader.push(stream.subarray(at, at + length)))
            at += length
          }
          expect(Buffer.concat(packets.map((packet) => packet.payload))).toEqual(Buffer.from(payload))
          expect(packets.map(({ status }) => status & PacketStatus.END_OF_MESSAGE)).toEqual(
            packets.map((_, i) => Number(i === packets.length - 1)),
          )
          expect(packets.every((packet) => packet.payload.length <= packetSize - 8)).toBe(true)
          expect(reader.rest).toHaveLength(0)
        },
      ),
    )
  })

  it('give packets or a clean error, whatever the bytes', () => cleanly((input) => [...new PacketReader().push(input)]))

  it('refuse a length below that of a header', () => {
    expect(() => [...new PacketReader().push(Buffer.from([1, 1, 0, 7, 0, 0, 0, 0]))]).toThrow(TdsProtocolError)
  })
})

describe('PRELOGIN', () => {
  it('is read as in the specification', () => {
    expect(parsePrelogin(payloadOf(preloginRequest))).toEqual({
      version: { major: 9, minor: 0, build: 0 },
      encryption: Encryption.ON,
      instance: '',
      threadId: 3512,
      mars: true,
    })
  })

  it('is written as it is read', () => {
    const prelogin = fc.record(
      {
        version: fc.record({ major: fc.nat(255), minor: fc.nat(255), build: fc.nat(65535) }),
        encryption: fc.constantFrom(...Object.values(Encryption)),
        instance: fc.stringMatching(/^[A-Za-z0-9]{0,16}$/),
        threadId: fc.nat(),
        traceId: fc.uint8Array({ minLength: 36, maxLength: 36 }).map((array) => Buffer.from(array)),
        mars: fc.boolean(),
        fedAuthRequired: fc.boolean(),
      },
      { requiredKeys: ['version', 'encryption'] },
    )
    fc.assert(
      fc.property(prelogin, (it) => {
        expect(parsePrelogin(encodePrelogin(it))).toEqual(it)
      }),
    )
  })

  it('gives a message or a clean error, whatever the bytes', () => cleanly(parsePrelogin, [payloadOf(preloginRequest)]))
})

describe('LOGIN7', () => {
  it('is read as in the specification, and written back to the same bytes', () => {
    const parsed = parseLogin7(payloadOf(loginRequest))
    expect(parsed).toMatchObject({
      hostName: 'skostov1',
      userName: 'sa',
      applicationName: 'OSQL-32',
      libraryName: 'ODBC',
    })
    expect(parseLogin7(encodeLogin7(parsed))).toEqual(parsed)
  })

  it('is written as it is read', () => {
    const texts = fc.record({
      hostName: text(30),
      userName: text(30),
      password: text(30),
      applicationName: text(30),
      language: text(30),
      database: text(30),
      changePassword: text(30),
      attachDatabaseFile: text(30),
    })
    const features = fc.array(fc.record({ id: fc.integer({ min: 1, max: 254 }), data: bytes }), { maxLength: 4 })
    fc.assert(
      fc.property(texts, features, bytes, (names, extension, sspi) => {
        const message = { ...login(), ...names, features: extension, sspi }
        expect(parseLogin7(encodeLogin7(message))).toEqual(message)
      }),
    )
  })

  it('takes a token up to its limit of 128 KiB - 1, and says when one is too long', () => {
    const withToken = (token: string) => ({
      ...login(),
      features: [
        {
          id: Feature.FEDAUTH,
          data: encodeFedAuthRequest({ library: FedAuthLibrary.SECURITY_TOKEN, echo: true, token }),
        },
      ],
    })
    const room = Math.floor((MAX_LOGIN7_LENGTH - encodeLogin7(withToken('')).length) / 2)
    expect(encodeLogin7(withToken('x'.repeat(room))).length).toBeGreaterThan(MAX_LOGIN7_LENGTH - 2)
    expect(() => encodeLogin7(withToken('x'.repeat(room + 1)))).toThrow(/131071 is the most/)
  })

  it('gives a message or a clean error, whatever the bytes', () => {
    const feature = { id: Feature.FEDAUTH, data: Buffer.from([5, 0]) }
    cleanly(parseLogin7, [payloadOf(loginRequest), encodeLogin7({ ...login(), features: [feature] })])
  })
})

describe('FEDAUTH', () => {
  const request = fc.oneof(
    fc.record({ library: fc.constant(FedAuthLibrary.SECURITY_TOKEN), echo: fc.boolean(), token: text(200) }),
    fc.record({ library: fc.constant(FedAuthLibrary.ADAL), echo: fc.boolean(), workflow: fc.nat(255) }),
  )

  it('is written as it is read', () => {
    fc.assert(
      fc.property(request, (it) => {
        expect(parseFedAuthRequest(encodeFedAuthRequest(it))).toEqual(it)
      }),
    )
    fc.assert(
      fc.property(text(200), (it) => {
        expect(parseFedAuthToken(encodeFedAuthToken(it))).toBe(it)
      }),
    )
    fc.assert(
      fc.property(text(60), text(60), (stsUrl, spn) => {
        const token = encodeFedAuthInfo({ stsUrl, spn })
        expect(token[0]).toBe(0xee)
        expect(parseFedAuthInfo(token.subarray(5))).toEqual({ stsUrl, spn })
      }),
    )
  })

  it('gives a message or a clean error, whatever the bytes', () => {
    cleanly(parseFedAuthRequest)
    cleanly(parseFedAuthToken, [encodeFedAuthToken('token')])
    cleanly(parseFedAuthInfo, [encodeFedAuthInfo({ stsUrl: 'a', spn: 'b' }).subarray(5)])
  })
})

describe('the answer to LOGIN7', () => {
  it('is read as in the specification', () => {
    expect(parseLoginResponse(payloadOf(loginResponse)).map(({ kind }) => kind)).toEqual([
      'database',
      'info',
      'other',
      'other',
      'packetSize',
      'info',
      'loginAck',
      'done',
    ])
    expect(parseLoginResponse(payloadOf(fedAuthLoginResponse)).map(({ kind }) => kind)).toContain('features')
  })

  it('keeps the bytes of each token', () => {
    const tokens = parseLoginResponse(payloadOf(fedAuthLoginResponse))
    expect(Buffer.concat(tokens.map((token) => token.bytes))).toEqual(payloadOf(fedAuthLoginResponse))
  })

  it('has what the encoders put in', () => {
    const error = { number: 18456, state: 1, class: 14, message: 'Nö.', serverName: 's', procedureName: 'p', line: 3 }
    const answer = [
      encodeTextChange(EnvChange.DATABASE, 'app', 'master'),
      encodeError(error),
      encodeRouting({ host: 'elsewhere', port: 11_000 }),
      encodeFedAuthInfo({ stsUrl: 'https://sts', spn: 'spn' }),
      encodeLoginAck('Microsoft SQL Server', [16, 0, 0, 0]),
      encodeFeatureExtAck([{ id: 2, data: Buffer.alloc(0) }]),
      encodeDone(DoneStatus.ERROR),
    ]
    const tokens = parseLoginResponse(Buffer.concat(answer))
    expect(tokens.map(({ bytes: token }) => token)).toEqual(answer)
    expect(tokens).toMatchObject([
      { kind: 'database', database: 'app' },
      { kind: 'error', message: error },
      { kind: 'routing', routing: { host: 'elsewhere', port: 11_000 } },
      { kind: 'fedAuthInfo', info: { stsUrl: 'https://sts', spn: 'spn' } },
      { kind: 'loginAck' },
      { kind: 'features' },
      { kind: 'done' },
    ])
  })

  it('gives tokens or a clean error, whatever the bytes', () => {
    cleanly(parseLoginResponse, [payloadOf(loginResponse), payloadOf(fedAuthLoginResponse)])
  })
})
