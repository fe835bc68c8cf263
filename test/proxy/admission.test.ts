import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LocalLogin, refusalReason } from '../../src/proxy/admission.ts'
import { loginFor } from './support.ts'

const local = new LocalLogin('the-proxy', 'pässword')
const right = loginFor(local)

describe('the local login', () => {
  it.each<[string, Partial<typeof right>, ReturnType<typeof refusalReason>]>([
    ['the right login', {}, undefined],
    ['a wrong password', { password: 'password' }, 'credentials'],
    ['a password that only begins right', { password: 'pässwor' }, 'credentials'],
    ['a password with another character at its end', { password: 'pässword2' }, 'credentials'],
    ['no password', { password: '' }, 'credentials'],
    ['a wrong user', { userName: 'The-Proxy' }, 'credentials'],
    ['no user', { userName: '', sspi: Buffer.from('NTLMSSP') }, 'credentials'],
    ['TDS 7.3.B', { tdsVersion: 0x730b0003 }, undefined],
    ['TDS 7.3.A', { tdsVersion: 0x730a0003 }, 'tds-version'],
    ['TDS 7.2', { tdsVersion: 0x72090002 }, 'tds-version'],
    ['TDS 7.1', { tdsVersion: 0x71000001 }, 'tds-version'],
    ['TDS 8', { tdsVersion: 0x08000000 }, undefined],
  ])('%s', (_, login, refusal) => {
    expect(refusalReason({ ...right, ...login }, local)).toBe(refusal)
  })

  it('is not revealed by inspection', () => {
    expect(inspect(local, { showHidden: true, getters: true })).not.toContain('pässword')
    expect(JSON.stringify(local)).toBe('{"user":"the-proxy"}')
  })
})
