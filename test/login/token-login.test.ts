import { describe, expect, it } from 'vitest'
import { refusePlaintext, withToken } from '../../src/login/token-login.ts'
import { CLIENT_ID } from '../../src/tds/login7.ts'
import { loginFor } from '../proxy/support.ts'

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

describe('a client’s login request', () => {
  const user = { user: 'u', password: 'p' }

  it.each([
    [512, true, 512],
    [32_767, true, 16_383],
    [32_767, 'strict' as const, 16_383],
    [32_767, false, 32_767],
    [0, true, 0],
  ])('for packets of %i are passed on, with encrypt: %s, as %i', (packetSize, encrypt, passed) => {
    expect(withToken(loginFor(user, { packetSize }), { host: 'h', encrypt }, 't', true).packetSize).toBe(passed)
  })

  it('are completed by the ids of machine and process that it left out', () => {
    const target = { host: 'h', encrypt: true }
    const blank = loginFor(user, { clientId: Buffer.alloc(6), clientProcessId: 0 })
    expect(withToken(blank, target, 't', true)).toMatchObject({ clientId: CLIENT_ID, clientProcessId: process.pid })
    const { clientId, clientProcessId } = loginFor(user)
    expect(withToken(loginFor(user), target, 't', true)).toMatchObject({ clientId, clientProcessId })
  })

  it('go to a server by the name that it was redirected with, in full', () => {
    const login = withToken(loginFor(user), { host: 'h', loginName: 'h\\instance', encrypt: true }, 't', true)
    expect(login.serverName).toBe('h\\instance')
  })
})
