import { describe, expect, it } from 'vitest'
import { encodeFedAuthRequest, Feature, FedAuthLibrary } from '../../../src/tds/features.ts'
import { type LoginToken, parseLoginResponse } from '../../../src/tds/login-response.ts'
import type { Login7 } from '../../../src/tds/login7.ts'
import { PacketType } from '../../../src/tds/packet.ts'
import type { Routing } from '../../../src/tds/tokens.ts'
import { encodeEnhancedRouting } from '../../../src/testing/gateway/server-tokens.ts'
import type { Gateway } from '../../../src/testing/index.ts'
import { Client } from './client.ts'
import { login7, RawClient } from './raw-client.ts'
import { useStrictGateways } from './support.ts'

const azure = useStrictGateways()

interface LoginOptions {
  /** Which worker, by its number. @defaultValue the gateway itself */
  worker?: number
  strict?: boolean
  token?: string
  login?: Partial<Login7>
}

/** A connection to the gateway or to one of its workers, by the name that it has, on which LOGIN7 was sent. */
async function begin(gateway: Gateway, { worker, strict = false, token, login }: LoginOptions = {}) {
  const address: Routing | undefined =
    worker === undefined ? { host: 'localhost', port: gateway.port } : gateway.workers[worker]
  if (address === undefined) throw new Error('There is no such worker.')
  const host = address.host.replace(/\\.*/, '')
  const client = await RawClient.connect(gateway, { strict, host, port: address.port })
  const message = login7(token ?? (await azure.token()), { serverName: address.host, ...login })
  await client.sendMessage(PacketType.LOGIN7, message)
  return client
}

async function logIn(gateway: Gateway, options: LoginOptions = {}): Promise<LoginToken[]> {
  const client = await begin(gateway, options)
  const answer = await client.answer()
  client.close()
  return parseLoginResponse(answer)
}

const kinds = (tokens: readonly LoginToken[]) => tokens.map(({ kind }) => kind)
const routingIn = (tokens: readonly LoginToken[]) =>
  tokens.flatMap((token) => (token.kind === 'routing' ? [token.routing] : []))
/** Asks for FEDAUTHINFO before it sends a token. */
const byAdal = () => ({
  id: Feature.FEDAUTH,
  data: encodeFedAuthRequest({ library: FedAuthLibrary.ADAL, echo: true, workflow: 1 }),
})

describe.each([
  ['TDS 7', false],
  ['TDS 8', true],
])('a redirect over %s', (_, strict) => {
  it('leads to a separate listener, which accepts the login', async () => {
    const gateway = await azure.start({ redirect: {} })
    const tokens = await logIn(gateway, { strict })
    expect(kinds(tokens)).toEqual(['loginAck', 'routing', 'features', 'done'])
    expect(routingIn(tokens)).toEqual(gateway.workers)
    expect(gateway.workers).toEqual([{ host: '127.0.0.1', port: expect.any(Number) }])
    expect(gateway.stats()).toMatchObject({ redirects: 1, logins: 0 })
    expect(kinds(await logIn(gateway, { worker: 0, strict }))).toContain('loginAck')
    expect(gateway.stats()).toMatchObject({ redirects: 1, logins: 1, hungUp: {} })
  })

  it('leads to a server whose certificate is only for its own name', async () => {
    const gateway = await azure.start({ redirect: {} })
    const port = gateway.workers[0]?.port ?? 0
    await expect(RawClient.connect(gateway, { strict, port, host: 'localhost' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })

  it('to an instance requires host and instance as ServerName; without the instance the connection ends', async () => {
    const gateway = await azure.start({ redirect: { to: ['127.0.0.1\\Worker-1'] } })
    expect(routingIn(await logIn(gateway, { strict }))).toMatchObject([{ host: '127.0.0.1\\Worker-1' }])
    expect(kinds(await logIn(gateway, { worker: 0, strict }))).toContain('loginAck')
    for (const serverName of ['127.0.0.1', 'localhost', 'Worker-1']) {
      gateway.resetStats()
      const client = await begin(gateway, { worker: 0, strict, login: { serverName } })
      expect((await client.rest()).length).toBe(0)
      expect(gateway.stats()).toMatchObject({ hungUp: { 'server-name': 1 }, loginFailures: {} })
    }
  })
})

describe('a redirect', () => {
  it('may lead to a second redirect', async () => {
    const gateway = await azure.start({ redirect: { to: ['127.0.0.1\\first', 'localhost\\second'] } })
    const [first, second] = gateway.workers
    expect(routingIn(await logIn(gateway))).toEqual([first])
    expect(routingIn(await logIn(gateway, { worker: 0 }))).toEqual([second])
    expect(kinds(await logIn(gateway, { worker: 1 }))).toContain('loginAck')
    expect(gateway.stats()).toMatchObject({ redirects: 2, logins: 1 })
  })

  it('may arrive without LOGINACK', async () => {
    const gateway = await azure.start({ redirect: { loginAck: false } })
    expect(kinds(await logIn(gateway))).toEqual(['routing', 'done'])
  })

  it('may arrive before FEDAUTHINFO and before the token is checked', async () => {
    const gateway = await azure.start({ redirect: { at: 'login7' } })
    expect(kinds(await logIn(gateway, { login: { features: [byAdal()] } }))).toContain('routing')
    expect(kinds(await logIn(gateway, { token: 'nonsense' }))).toContain('routing')
  })

  it('otherwise follows the check of the token', async () => {
    const gateway = await azure.start({ redirect: {} })
    expect(kinds(await logIn(gateway, { login: { features: [byAdal()] } }))).toEqual(['fedAuthInfo'])
    expect(await logIn(gateway, { token: 'nonsense' })).toMatchObject([
      { message: { number: 18456 } },
      { kind: 'done' },
    ])
  })

  it('names the database too for a client that understands it', async () => {
    const gateway = await azure.start({ redirect: { enhanced: true } })
    const [worker] = gateway.workers
    const asks = await login7Features({ id: Feature.ENHANCED_ROUTING, data: Buffer.alloc(0) })
    const tokens = await logIn(gateway, { login: { features: asks, database: 'app' } })
    const expected = encodeEnhancedRouting({ ...(worker as Routing), database: 'app' })
    expect(tokens.some(({ bytes }) => bytes.equals(expected))).toBe(true)
    expect(routingIn(tokens)).toEqual([])
    expect(tokens.find(({ kind }) => kind === 'features')).toMatchObject({
      features: [{ id: Feature.FEDAUTH }, { id: Feature.ENHANCED_ROUTING, data: Buffer.from([1]) }],
    })
    expect(routingIn(await logIn(gateway))).toEqual([worker])
  })

  it('is followed by tedious', async () => {
    const gateway = await azure.start({ redirect: {} })
    const token = await azure.token()
    // A certificate name of the user's own would be asked of the worker too.
    const client = new Client(gateway, { type: 'azure-active-directory-access-token', options: { token } }, {
      serverName: undefined,
    } as object)
    expect(await client.connect()).toMatchObject({ ok: true })
    expect(gateway.stats()).toMatchObject({ redirects: 1, logins: 1, hungUp: {} })
    client.close()
  })

  it('leads to an instance with Fabric’s rules, whatever else is configured', async () => {
    const gateway = await azure.start({ kind: 'fabric' })
    expect(routingIn(await logIn(gateway))).toMatchObject([{ host: expect.stringMatching(/^127\.0\.0\.1\\.+/) }])
    expect(kinds(await logIn(gateway, { worker: 0 }))).toContain('loginAck')
  })
})

/** FEDAUTH with a good token, and another feature. */
async function login7Features(other: { id: number; data: Buffer }) {
  const library = FedAuthLibrary.SECURITY_TOKEN
  const data = encodeFedAuthRequest({ library, echo: true, token: await azure.token() })
  return [{ id: Feature.FEDAUTH, data }, other]
}
