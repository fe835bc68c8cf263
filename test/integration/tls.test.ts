import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { PrismaMssqlEntra } from '../../src/index.ts'
import { encodeMessage, PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin } from '../../src/tds/prelogin.ts'
import { type GatewayOptions, startGateway } from '../../src/testing/gateway/gateway.ts'
import { type CertificateRequest, createCertificateAuthority } from '../../src/x509/certificates.ts'
import { useDatabase } from './database.ts'
import { secretsIn } from './secrets.ts'

const HOUR = 3_600_000

const db = useDatabase()

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

/** A gateway with its own certificate, and an adapter that trusts `ca`. */
async function adapterTo(
  certificate: Partial<CertificateRequest>,
  { trusts = true, options = {} }: { trusts?: boolean; options?: object } = {},
) {
  const authority = await createCertificateAuthority()
  const stranger = await createCertificateAuthority({ name: 'Somebody else' })
  const { key, certificate: cert } = await authority.issue({ hosts: ['localhost'], ...certificate })
  const gateway = await startGateway({
    upstream: db.azure.upstream,
    verification: db.azure.authority.verification,
    tls: { key, certificate: cert, ca: authority.certificate },
  } satisfies GatewayOptions)
  closing.push(() => gateway.close())
  const { certificate: ca } = trusts ? authority : stranger
  const adapter = new PrismaMssqlEntra(
    { ...db.azure.config(), port: gateway.port, options: { cryptoCredentialsDetails: { ca }, ...options } },
    { credential: db.azure.credential() },
  )
  return { adapter, gateway }
}

/** A server or an intermediary that gives this answer to PRELOGIN and keeps everything it receives. */
async function startImpostor(answer: Buffer) {
  const received: Buffer[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(answer))
    socket.on('data', (chunk) => received.push(chunk))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => server.close())
  const { port } = server.address() as AddressInfo
  return { port, text: () => Buffer.concat(received).toString('latin1') }
}

const preloginWith = (encryption: number) =>
  encodeMessage(
    PacketType.TABULAR_RESULT,
    encodePrelogin({ version: { major: 16, minor: 0, build: 1000 }, encryption, fedAuthRequired: true }),
  )

describe.each([
  ['TDS 7.4', {}],
  ['TDS 8', { encrypt: 'strict' }],
])('the certificate of the server, over %s', (_, options) => {
  it('is accepted if it is valid', async () => {
    const { adapter } = await adapterTo({}, { options })
    await (await adapter.connect()).dispose()
  })

  it.each<[string, string, Partial<CertificateRequest>, boolean]>([
    ['for another host', 'for another host name', { hosts: ['elsewhere.test'] }, true],
    ['from an unknown authority', 'no certificate authority that this machine trusts', {}, false],
    [
      'expired',
      'has expired',
      { notBefore: new Date(Date.now() - 2 * HOUR), notAfter: new Date(Date.now() - HOUR) },
      true,
    ],
    ['not valid yet', 'not valid yet', { notBefore: new Date(Date.now() + HOUR) }, true],
  ])('is rejected at once if it is %s', async (_, why, certificate, trusts) => {
    const { adapter, gateway } = await adapterTo(certificate, { trusts, options })
    await expect(adapter.connect()).rejects.toMatchObject({ code: 'P1011', message: expect.stringContaining(why) })
    expect(gateway.stats()).toMatchObject({ logins: 0, connections: 1 })
  })
})

it('a connection without a common TLS version fails at once with an error that says so', async () => {
  const secureContext = {
    cryptoCredentialsDetails: { ca: db.azure.gateway.ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' },
  }
  await expect(db.connect({}, { options: secureContext as never }).adapter.connect()).rejects.toMatchObject({
    code: 'P1011',
    message: expect.stringContaining('no TLS version or no cipher in common'),
  })
})

describe('trustServerCertificate', () => {
  const untrusted = (options: object) =>
    adapterTo({ hosts: ['elsewhere.test'] }, { trusts: false, options: { ...options, trustServerCertificate: true } })

  it('accepts any certificate', async () => {
    const { adapter } = await untrusted({})
    await (await adapter.connect()).dispose()
  })

  it('has no effect with TDS 8', async () => {
    const { adapter } = await untrusted({ encrypt: 'strict' })
    await expect(adapter.connect()).rejects.toMatchObject({ code: 'P1011' })
  })
})

describe('encrypt=false', () => {
  it('fails at once if the server accepts only encrypted connections', async () => {
    const impostor = await startImpostor(preloginWith(Encryption.REQUIRED))
    const { adapter } = db.connect({}, { port: impostor.port, options: { encrypt: false } })
    await expect(adapter.connect()).rejects.toMatchObject({
      code: 'P1011',
      cause: { code: 'TLS_FAILED', message: expect.stringContaining('only accepts encrypted connections') },
    })
    expect(secretsIn(impostor.text(), db.azure.authority.issuedTokens)).toEqual([])
  })
})

describe('a token is not sent in the clear', () => {
  const refused = {
    code: 'P1011',
    cause: { code: 'TLS_FAILED' },
    message: expect.stringContaining('does not offer encryption'),
  }

  it.each([
    ['not supported', Encryption.NOT_SUPPORTED],
    ['off', Encryption.OFF],
  ])('if the server answers PRELOGIN with encryption %s', async (_, encryption) => {
    const impostor = await startImpostor(preloginWith(encryption))
    for (const trustServerCertificate of [false, true]) {
      const { adapter } = db.connect({}, { port: impostor.port, options: { trustServerCertificate } })
      await expect(adapter.connect()).rejects.toMatchObject(refused)
    }
    expect(db.azure.authority.issuedTokens.length).toBeGreaterThan(0)
    expect(secretsIn(impostor.text(), db.azure.authority.issuedTokens)).toEqual([])
  })

  it('if a redirect leads to such a server', async () => {
    const impostor = await startImpostor(preloginWith(Encryption.NOT_SUPPORTED))
    const redirect = { host: 'localhost', port: impostor.port }
    const fault = db.azure.gateway.inject({ at: 'login', action: { redirect } })
    try {
      await expect(db.connect().adapter.connect()).rejects.toMatchObject(refused)
      expect(fault.hits).toBe(1)
      expect(secretsIn(impostor.text(), db.azure.authority.issuedTokens)).toEqual([])
    } finally {
      fault.clear()
    }
  })

  it('if the server is not SQL Server', async () => {
    const impostor = await startImpostor(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { adapter } = db.connect({ rotation: { connectRetryTimeout: 0 } }, { port: impostor.port })
    await expect(adapter.connect()).rejects.toMatchObject({ code: 'P1001', cause: { code: 'CONNECT_FAILED' } })
    expect(secretsIn(impostor.text(), db.azure.authority.issuedTokens)).toEqual([])
  })
})

it('a login follows a redirect', async () => {
  const { gateway } = db.azure
  const second = await startGateway({
    upstream: db.azure.upstream,
    verification: db.azure.authority.verification,
  })
  closing.push(() => second.close())
  gateway.resetStats()
  const fault = gateway.inject({ at: 'login', action: { redirect: { host: 'localhost', port: second.port } } })
  try {
    const ca = [gateway.ca, second.ca]
    const { prisma } = db.connect({}, { options: { cryptoCredentialsDetails: { ca } } })
    expect(await prisma.user.count()).toBe(0)
    expect(second.stats().logins).toBeGreaterThan(0)
    expect(gateway.stats().logins).toBe(0)
    await prisma.$disconnect()
  } finally {
    fault.clear()
  }
})
