import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { defaultPrincipals } from '../../../src/testing/authority/principals.ts'
import { createCertificateAuthority } from '../../../src/x509/certificates.ts'
import { signedIn, useAuthority } from './support.ts'

let folder: string
let certificatePath: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'service-principal-'))
  certificatePath = join(folder, 'service.pem')
})
afterAll(() => rm(folder, { recursive: true }))

const bench = useAuthority(async () => {
  const certificates = await createCertificateAuthority()
  const { key, certificate } = await certificates.issue({ hosts: ['certified-service'], keyType: 'rsa' })
  await writeFile(certificatePath, `${key}${certificate}`, { mode: 0o600 })
  const [, , service] = defaultPrincipals()
  if (service === undefined) throw new Error('no application')
  const certified = {
    ...service,
    name: 'certified-service',
    clientId: '7e4a0000-0000-4000-8000-0000000c1150',
    objectId: '7e4a0000-0000-4000-8000-00000000b150',
    certificate,
  }
  return { principals: [...defaultPrincipals(), certified] }
})

describe('a client secret', () => {
  it('signs in', async () => {
    const { tenantId, clientId, secret } = bench.authority.principal('local-service')
    const credential = bench.credential('ActiveDirectoryServicePrincipal', { tenantId, clientId, secret })
    expect(await signedIn(credential, bench)).toBe('local-service')
  })

  it('signs in to the tenant that the environment names', async () => {
    const { tenantId, clientId, secret } = bench.authority.principal('local-service')
    vi.stubEnv('AZURE_TENANT_ID', tenantId)
    const credential = bench.credential('ActiveDirectoryServicePrincipal', { clientId, secret })
    expect(await signedIn(credential, bench)).toBe('local-service')
  })

  it('is refused if it is wrong', async () => {
    const { tenantId, clientId } = bench.authority.principal('local-service')
    const credential = bench.credential('ActiveDirectoryServicePrincipal', { tenantId, clientId, secret: 'guess' })
    await expect(signedIn(credential, bench)).rejects.toThrow('AADSTS7000215')
  })

  it('is taken from the environment', async () => {
    bench.environment('client-secret')
    expect(await signedIn(bench.credential('Environment'), bench)).toBe('local-service')
  })

  it('is found by the default chain', async () => {
    bench.environment('client-secret')
    expect(await signedIn(bench.credential('ActiveDirectoryDefault'), bench)).toBe('local-service')
    expect(bench.authority.stats().byEndpoint).toMatchObject({ token: 1, imds: 0 })
  })
})

describe('a client certificate', () => {
  it('signs in', async () => {
    const { tenantId, clientId } = bench.authority.principal('certified-service')
    const details = { tenantId, clientId, certificatePath }
    const credential = bench.credential('ActiveDirectoryServicePrincipalCertificate', details)
    expect(await signedIn(credential, bench)).toBe('certified-service')
  })

  it('is reported if its file does not exist', async () => {
    const { tenantId, clientId } = bench.authority.principal('certified-service')
    const details = { tenantId, clientId, certificatePath: join(folder, 'none.pem') }
    const credential = bench.credential('ActiveDirectoryServicePrincipalCertificate', details)
    await expect(signedIn(credential, bench)).rejects.toThrow(/ENOENT.*none\.pem/)
  })

  it('is taken from the environment', async () => {
    const { tenantId, clientId } = bench.authority.principal('certified-service')
    vi.stubEnv('AZURE_TENANT_ID', tenantId)
    vi.stubEnv('AZURE_CLIENT_ID', clientId)
    vi.stubEnv('AZURE_CLIENT_CERTIFICATE_PATH', certificatePath)
    expect(await signedIn(bench.credential('Environment'), bench)).toBe('certified-service')
  })
})
