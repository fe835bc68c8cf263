import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'own-certificate-'))
const selfSigned = join(folder, 'self.pem')
const signed = join(folder, 'signed.pem')
let pem = ''

beforeAll(async () => {
  const authority = await createCertificateAuthority()
  pem = authority.certificate
  writeFileSync(selfSigned, pem)
  writeFileSync(signed, (await authority.issue({ hosts: ['h'] })).certificate)
})
afterAll(() => rmSync(folder, { recursive: true }))

it('serverCertificate trusts a certificate that signed itself', () => {
  const { config, warnings } = readConfig(`Server=h;ServerCertificate=${selfSigned}`)
  expect(config.options?.cryptoCredentialsDetails).toEqual({ ca: pem })
  expect(warnings).toEqual([])
})

it('serverCertificate refuses one that an authority signed, and names trustServerCertificateCA', () => {
  expect(() => readConfig(`sqlserver://h;serverCertificate=${signed}`)).toThrow(
    /signed itself.*trustServerCertificateCA/,
  )
})

it('quotes around a whole string are left out with a warning', () => {
  for (const quote of ['"', "'"]) {
    const { config, warnings } = readConfig(` ${quote}sqlserver://h:1444;database=app${quote}\n`)
    expect(config).toMatchObject({ server: 'h', port: 1444, database: 'app' })
    expect(warnings).toEqual([
      { message: expect.stringMatching(/within quotes.*Remove them/), parameter: 'connection string' },
    ])
  }
})
