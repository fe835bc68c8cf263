import { describe, expect, it } from 'vitest'
import { refusePlaintext } from '../../src/proxy/upstream.ts'

describe('a connection without encryption', () => {
  it.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])('may stay on this machine: %s', (address) => {
    expect(() => refusePlaintext({ host: 'h', encrypt: false }, address)).not.toThrow()
  })

  it.each(['192.0.2.1', '10.127.0.1', '2001:db8::1', '::ffff:192.0.2.127', '', undefined])(
    'may not leave it: %s',
    (address) => {
      expect(() => refusePlaintext({ host: 'h', encrypt: false }, address)).toThrow(/in the clear/)
      expect(() => refusePlaintext({ host: 'h', encrypt: true }, address)).not.toThrow()
      expect(() => refusePlaintext({ host: 'h', encrypt: 'strict' }, address)).not.toThrow()
    },
  )
})
