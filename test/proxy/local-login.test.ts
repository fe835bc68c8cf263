import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LocalLogin, refusalReason } from '../../src/proxy/admission.ts'
import { loginFor } from './support.ts'

const local = new LocalLogin('the-proxy', 'pässword')
const right = loginFor(local)

describe('the local login', () => {
  it.each<[string, Partial<typeof right>, Parameters<typeof refusalReason>[2], ReturnType<typeof refusalReason>]>([
    ['the right login', {}, 'same-user', undefined],
    ['where the system does not tell who it is', {}, 'unknown', undefined],
    ['a wrong password', { password: 'password' }, 'same-user', 'credentials'],
    ['a password that only begins right', { password: 'pässwor' }, 'same-user', 'credentials'],
    ['a password that goes on', { password: 'pässword2' }, 'same-user', 'credentials'],
    ['no password', { password: '' }, 'same-user', 'credentials'],
    ['a wrong user', { userName: 'The-Proxy' }, 'same-user', 'credentials'],
    ['no user', { userName: '', sspi: Buffer.from('NTLMSSP') }, 'same-user', 'credentials'],
    ['another user of the machine', {}, 'other-user', 'other-user'],
    ['another user of the machine who does not know it', { password: 'x' }, 'other-user', 'credentials'],
    ['TDS 7.3', { tdsVersion: 0x730b0003 }, 'same-user', 'tds-version'],
    ['TDS 7.1', { tdsVersion: 0x71000001 }, 'same-user', 'tds-version'],
    ['TDS 8', { tdsVersion: 0x08000000 }, 'same-user', undefined],
  ])('%s', (_, login, peer, refusal) => {
    expect(refusalReason({ ...right, ...login }, local, peer)).toBe(refusal)
  })

  it('is not shown', () => {
    expect(inspect(local, { showHidden: true, getters: true })).not.toContain('pässword')
    expect(JSON.stringify(local)).toBe('{"user":"the-proxy"}')
  })
})
