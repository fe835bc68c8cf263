import { execFileSync, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type CertificateAuthority, createCertificateAuthority } from '../../src/x509/certificates.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

let authority: CertificateAuthority
beforeAll(async () => {
  authority = await createCertificateAuthority({ name: 'A test authority' })
})

/** One TLS handshake; gives the protocol, or throws what the client threw. */
async function handshake(
  server: { key: string; certificate: string },
  client: { ca: string; servername: string; maxVersion?: 'TLSv1.2' },
): Promise<string | null> {
  const listener = createServer({ key: server.key, cert: server.certificate }, (socket) => socket.end())
  listener.on('tlsClientError', () => {})
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onTestFinished(() => {
    listener.close()
  })
  const socket = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', ...client })
  try {
    await once(socket, 'secureConnect')
    return socket.getProtocol()
  } finally {
    socket.destroy()
  }
}

describe('the authority', () => {
  test('has a certificate of a CA, signed by itself', () => {
    const own = new X509Certificate(authority.certificate)
    expect(own.ca).toBe(true)
    expect(own.subject).toBe('CN=A test authority')
    expect(own.checkIssued(own)).toBe(true)
    expect(own.verify(own.publicKey)).toBe(true)
  })

  test('is not the same twice', async () => {
    const other = await createCertificateAuthority({ name: 'A test authority' })
    const issued = new X509Certificate((await other.issue({ hosts: ['localhost'] })).certificate)
    expect(issued.verify(new X509Certificate(authority.certificate).publicKey)).toBe(false)
    expect(issued.verify(new X509Certificate(other.certificate).publicKey)).toBe(true)
  })
})

describe.each(['ec', 'rsa'] as const)('a certificate with a key of kind %s', (keyType) => {
  test('names hosts of all kinds', async () => {
    const hosts = [
      'db.example.test',
      '*.database.test',
      '127.0.0.1',
      '::1',
      '2001:db8::ff00:42:8329',
      '::ffff:10.1.2.3',
    ]
    const issued = await authority.issue({ hosts, keyType })
    const certificate = new X509Certificate(issued.certificate)
    expect(certificate.ca).toBe(false)
    expect(certificate.subject).toBe('CN=db.example.test')
    expect(certificate.publicKey.asymmetricKeyType).toBe(keyType)
    expect(certificate.checkHost('db.example.test')).toBeDefined()
    expect(certificate.checkHost('one.database.test')).toBeDefined()
    expect(certificate.checkHost('example.test')).toBeUndefined()
    expect(certificate.checkIP('127.0.0.1')).toBeDefined()
    expect(certificate.checkIP('127.0.0.2')).toBeUndefined()
    expect(certificate.checkIP('::1')).toBeDefined()
    expect(certificate.checkIP('2001:db8:0:0:0:ff00:42:8329')).toBeDefined()
    expect(certificate.checkIP('::ffff:10.1.2.3')).toBeDefined()
  })

  test('serves TLS 1.3 and 1.2 to a client that trusts the authority', async () => {
    const issued = await authority.issue({ hosts: ['localhost'], keyType })
    const client = { ca: authority.certificate, servername: 'localhost' }
    expect(await handshake(issued, client)).toBe('TLSv1.3')
    expect(await handshake(issued, { ...client, maxVersion: 'TLSv1.2' })).toBe('TLSv1.2')
  })

  test.runIf(hasOpenssl)('passes the strict checks of OpenSSL', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const issued = await authority.issue({ hosts: ['localhost', '127.0.0.1'], keyType })
    writeFileSync(join(folder, 'ca.pem'), authority.certificate)
    writeFileSync(join(folder, 'server.pem'), issued.certificate)
    const strict = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'localhost']
    const output = execFileSync('openssl', [...strict, '-CAfile', 'ca.pem', 'server.pem'], { cwd: folder })
    expect(output.toString()).toBe('server.pem: OK\n')
  })
})

test('another name and an unknown authority are refused', async () => {
  const issued = await authority.issue({ hosts: ['localhost'] })
  const other = await createCertificateAuthority()
  await expect(handshake(issued, { ca: authority.certificate, servername: 'example.test' })).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
  await expect(handshake(issued, { ca: other.certificate, servername: 'localhost' })).rejects.toMatchObject({
    code: expect.stringMatching(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/),
  })
})

test('the validity is as asked for, past 2049 too, and an expired certificate is refused', async () => {
  const notBefore = new Date('2024-02-29T12:34:56Z')
  const lasting = new X509Certificate(
    (await authority.issue({ hosts: ['localhost'], notBefore, notAfter: new Date('2051-01-02T03:04:05Z') }))
      .certificate,
  )
  expect(new Date(lasting.validFrom)).toEqual(notBefore)
  expect(new Date(lasting.validTo)).toEqual(new Date('2051-01-02T03:04:05Z'))
  const expired = await authority.issue({ hosts: ['localhost'], notBefore, notAfter: new Date('2024-03-01T00:00:00Z') })
  await expect(handshake(expired, { ca: authority.certificate, servername: 'localhost' })).rejects.toMatchObject({
    code: 'CERT_HAS_EXPIRED',
  })
})

test('a host is needed, and a very long one is no trouble', async () => {
  await expect(authority.issue({ hosts: [] })).rejects.toThrow('at least one host')
  const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`
  const long = new X509Certificate((await authority.issue({ hosts: [host] })).certificate)
  expect(long.checkHost(host)).toBeDefined()
})
