import { describe, expect, it } from 'vitest'
import { withToken } from '../../src/login/token-login.ts'
import { CLIENT_ID } from '../../src/tds/login7.ts'
import { loginFor } from '../proxy/support.ts'

describe('a client’s login request', () => {
  const user = { user: 'u', password: 'p' }

  it.each([
    [512, true, 512],
    [32_767, true, 16_383],
    [32_767, 'strict' as const, 16_383],
    [32_767, false, 32_767],
    [0, true, 0],
  ])('for packets of %i is passed on, with encrypt: %s, as %i', (packetSize, encrypt, passed) => {
    expect(withToken(loginFor(user, { packetSize }), { host: 'h', encrypt }, 't', true).packetSize).toBe(passed)
  })

  it('gets the machine and process ids that it leaves out', () => {
    const target = { host: 'h', encrypt: true }
    const blank = loginFor(user, { clientId: Buffer.alloc(6), clientProcessId: 0 })
    expect(withToken(blank, target, 't', true)).toMatchObject({ clientId: CLIENT_ID, clientProcessId: process.pid })
    const { clientId, clientProcessId } = loginFor(user)
    expect(withToken(loginFor(user), target, 't', true)).toMatchObject({ clientId, clientProcessId })
  })

  it('names the server in full, as in the redirect', () => {
    const login = withToken(loginFor(user), { host: 'h', loginName: 'h\\instance', encrypt: true }, 't', true)
    expect(login.serverName).toBe('h\\instance')
  })
})
