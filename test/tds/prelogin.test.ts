import { describe, expect, it } from 'vitest'
import { Encryption, encryptionScope } from '../../src/tds/prelogin.ts'

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
