import { describe, expect, it } from 'vitest'
import { Encryption, encodePrelogin, encryptionScope, parsePrelogin, traceId } from '../../src/tds/prelogin.ts'

const { OFF, ON, NOT_SUPPORTED, REQUIRED } = Encryption

describe('what is encrypted', () => {
  // The table of MS-TDS 2.2.6.5, "Encryption"; undefined where the client must end the connection.
  it.each<[number, number, ReturnType<typeof encryptionScope>]>([
    [OFF, OFF, 'login'],
    [OFF, REQUIRED, 'session'],
    [OFF, ON, 'session'],
    [OFF, NOT_SUPPORTED, 'none'],
    [ON, ON, 'session'],
    [ON, REQUIRED, 'session'],
    [ON, OFF, undefined],
    [ON, NOT_SUPPORTED, undefined],
    [REQUIRED, ON, 'session'],
    [REQUIRED, NOT_SUPPORTED, undefined],
    [NOT_SUPPORTED, NOT_SUPPORTED, 'none'],
    [NOT_SUPPORTED, REQUIRED, undefined],
    [NOT_SUPPORTED, ON, undefined],
    [NOT_SUPPORTED, OFF, undefined],
  ])('client %i, server %i: %s', (client, server, scope) => {
    expect(encryptionScope(client, server)).toBe(scope)
  })
})

describe('ENCRYPTION', () => {
  it.each([
    [0x80, OFF],
    [0x81, ON],
    [0x83, REQUIRED],
    [0x41, ON],
    [0xc2, NOT_SUPPORTED],
  ])('is read without its flags: %i is %i', (said, meant) => {
    const version = { major: 16, minor: 0, build: 0 }
    expect(parsePrelogin(encodePrelogin({ version, encryption: said })).encryption).toBe(meant)
  })
})

describe('TRACEID', () => {
  it('has 36 bytes, of which the last four are a number', () => {
    expect(traceId()).toHaveLength(36)
    expect(traceId().readUInt32LE(32)).toBe(1)
    expect(traceId()).not.toEqual(traceId())
  })
})
