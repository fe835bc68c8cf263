import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptTls, acceptTlsInTds, connectTlsInTds, HandshakeTransport } from '../../src/tds/tls.ts'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'

const server = createServer({ noDelay: true })
let tls: { key: string; cert: string }

beforeAll(async () => {
  const authority = await createCertificateAuthority({ name: 'test' })
  const { key, certificate } = await authority.issue({ hosts: ['localhost'] })
  tls = { key, cert: certificate }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.close()
})

/** Both ends of a connection. */
async function pair(): Promise<{ client: Socket; accepted: Socket }> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')])
  client.on('error', () => {})
  accepted.on('error', () => {})
  return { client, accepted }
}

describe('a client that goes during the TLS handshake', () => {
  it.each<[string, (below: Duplex) => Promise<unknown>]>([
    ['in PRELOGIN packets', (below) => acceptTlsInTds(below, tls)],
    ['of a login', (below) => acceptTlsInTds(below, tls, 'login')],
    ['before any TDS', (below) => acceptTls(below, tls)],
  ])('%s is noticed, whether it ends or is cut', async (_, accept) => {
    for (const go of [(client: Socket) => client.end(), (client: Socket) => client.resetAndDestroy()]) {
      const { client, accepted } = await pair()
      const handshake = accept(accepted)
      go(client)
      await expect(handshake).rejects.toThrow()
      expect(accepted.destroyed).toBe(true)
    }
  })
})

describe('the version of TLS in PRELOGIN packets', () => {
  it.each([
    ['by default', {}],
    ['whatever newer one the config allows', { maxVersion: 'TLSv1.3' }],
  ] as const)('is 1.2 %s, with a server that speaks 1.3', async (_, options) => {
    const { client, accepted } = await pair()
    const far = new TLSSocket(new HandshakeTransport(accepted), { ...tls, isServer: true, maxVersion: 'TLSv1.3' })
    far.on('error', () => {})
    const near = await connectTlsInTds(client, { ...options, rejectUnauthorized: false })
    expect(near.getProtocol()).toBe('TLSv1.2')
    client.destroy()
    accepted.destroy()
  })

  it('is none if the config allows only older ones', async () => {
    const { client, accepted } = await pair()
    acceptTlsInTds(accepted, tls).catch(() => {})
    const options = { maxVersion: 'TLSv1.1', rejectUnauthorized: false } as const
    await expect(connectTlsInTds(client, options)).rejects.toThrow()
    client.destroy()
    accepted.destroy()
  })
})
