import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { encodeFedAuthRequest, Feature, FedAuthLibrary } from '../../../src/tds/features.ts'
import { type LoginToken, parseLoginResponse } from '../../../src/tds/login-response.ts'
import { encodeMessage, PacketType } from '../../../src/tds/packet.ts'
import type { Gateway, GatewayOptions, GatewayRule } from '../../../src/testing/index.ts'
import { createCertificateAuthority } from '../../../src/testing/index.ts'
import { Client } from './client.ts'
import { Flights } from './flights.ts'
import {
  encryption,
  fedAuth,
  login7,
  prelogin,
  preloginOf,
  RawClient,
  type RawClientOptions,
  traceId,
  version,
} from './raw-client.ts'
import { useStrictGateways } from './support.ts'

const azure = useStrictGateways()

/** A LOGIN7 message in which something was changed after it was made. */
function changed(token: string, change: (message: Buffer) => Buffer | undefined): Buffer {
  const message = login7(token)
  const made = change(message) ?? message
  made.writeUInt32LE(made.length)
  return made
}

/** How a client logs in that breaks one rule. */
interface Breaker {
  client?: Partial<RawClientOptions>
  login?: (token: string) => Buffer
}

const echo = (token: string, echoed: boolean) => {
  const data = encodeFedAuthRequest({ library: FedAuthLibrary.SECURITY_TOKEN, echo: echoed, token })
  return login7(token, { features: [{ id: Feature.FEDAUTH, data }] })
}
/** Puts the database's name behind the features. */
const databaseLast = (message: Buffer) => {
  message.writeUInt16LE(message.length, 68)
  message.writeUInt16LE(3, 70)
  return Buffer.concat([message, Buffer.from('app', 'utf16le')])
}

async function open(gateway: Gateway, { client, login }: Breaker): Promise<RawClient> {
  const opened = await RawClient.connect(gateway, client)
  await opened.sendMessage(PacketType.LOGIN7, (login ?? login7)(await azure.token()))
  return opened
}

const kinds = (answer: Buffer): LoginToken['kind'][] => parseLoginResponse(answer).map(({ kind }) => kind)

describe.each<[string, GatewayRule, Breaker, Partial<GatewayOptions>?]>([
  [
    'a LOGIN7 with a text of 129 characters',
    'login7-field-length',
    { login: (token) => changed(token, (message) => void message.writeUInt16LE(129, 38)) },
  ],
  [
    'a LOGIN7 with a file to attach of 261 characters',
    'login7-field-length',
    { login: (token) => changed(token, (message) => void message.writeUInt16LE(261, 84)) },
  ],
  [
    'a LOGIN7 with an extension of 256 bytes',
    'login7-extension',
    { login: (token) => changed(token, (message) => void message.writeUInt16LE(256, 58)) },
  ],
  [
    'a LOGIN7 whose database stands behind the features',
    'features-last',
    {
      login: (token) => changed(token, databaseLast),
    },
    { kind: 'fabric', redirect: { to: [] } },
  ],
])('%s', (_, rule, breaker, options = {}) => {
  it('ends the connection without an error', async () => {
    const gateway = await azure.start(options)
    const client = await open(gateway, breaker)
    expect((await client.rest()).length).toBe(0)
    expect(gateway.stats()).toMatchObject({ hungUp: { [rule]: 1 }, logins: 0, loginFailures: {} })
  })

  it('is accepted if the rule is turned off', async () => {
    const gateway = await azure.start({ ...options, rules: { [rule]: false } })
    const client = await open(gateway, breaker)
    expect(kinds(await client.answer())).toContain('loginAck')
    expect(gateway.stats().hungUp).toEqual({})
    client.close()
  })
})

it('LOGIN7 whose features have no terminator ends the connection without an error', async () => {
  const gateway = await azure.start()
  const client = await open(gateway, { login: (token) => changed(token, (message) => message.subarray(0, -1)) })
  expect((await client.rest()).length).toBe(0)
  expect(gateway.stats().hungUp).toEqual({ 'features-terminated': 1 })
})

describe('PRELOGIN', () => {
  it.each<[string, GatewayRule, Buffer, Partial<GatewayOptions>?]>([
    ['that does not begin with VERSION', 'prelogin-version', preloginOf(encryption, version, fedAuth(1))],
    ['that says FEDAUTHREQUIRED = 0', 'prelogin-fedauth', preloginOf(version, encryption, fedAuth(0))],
    ['without TRACEID, to Fabric,', 'trace-id', preloginOf(version, encryption, fedAuth(1)), { kind: 'fabric' }],
    [
      'with a TRACEID of 35 bytes, to Fabric,',
      'trace-id',
      preloginOf(version, encryption, traceId(35)),
      { kind: 'fabric' },
    ],
    ['in TDS 7, to a server of TDS 8 alone,', 'tds8-only', prelogin, { kind: 'strict-only' }],
  ])('%s ends the connection without an answer', async (_, rule, message, options = {}) => {
    for (const off of [false, true]) {
      const gateway = await azure.start({ ...options, ...(off && { rules: { [rule]: false } }) })
      const socket = connect(gateway.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(encodeMessage(PacketType.PRELOGIN, message))
      const heard = await new Promise((resolve) => {
        socket.once('data', () => resolve(true))
        socket.once('close', () => resolve(false))
      })
      expect(heard).toBe(off)
      expect(gateway.stats().hungUp).toEqual(off ? {} : { [rule]: 1 })
      socket.destroy()
    }
  })

  it('must have a TRACEID of 36 bytes for Fabric', async () => {
    const gateway = await azure.start({ kind: 'fabric', redirect: { to: [] } })
    const client = await open(gateway, {})
    expect(kinds(await client.answer())).toContain('loginAck')
    client.close()
  })

  it('is sent inside TLS if the server only accepts TDS 8', async () => {
    const gateway = await azure.start({ kind: 'strict-only' })
    const client = await open(gateway, { client: { strict: true } })
    expect(kinds(await client.answer())).toContain('loginAck')
    client.close()
  })
})

describe('the echo bit of FEDAUTH', () => {
  const withoutFedAuth = preloginOf(version, encryption)

  it.each([
    ['0 though PRELOGIN asked for it', prelogin, false],
    ['1 though PRELOGIN said nothing of it', withoutFedAuth, true],
  ])('is refused with an error, and the connection ends: %s', async (_, message, echoed) => {
    const gateway = await azure.start()
    const client = await open(gateway, { client: { prelogin: message }, login: (token) => echo(token, echoed) })
    expect(parseLoginResponse(await client.answer())).toMatchObject([{ message: { number: 18456 } }, { kind: 'done' }])
    expect((await client.rest()).length).toBe(0)
    expect(gateway.stats()).toMatchObject({ hungUp: { 'fedauth-echo': 1 }, loginFailures: { 18456: 1 } })
  })

  it('is 0 if PRELOGIN did not mention it', async () => {
    const gateway = await azure.start()
    const client = await open(gateway, { client: { prelogin: withoutFedAuth }, login: (token) => echo(token, false) })
    expect(kinds(await client.answer())).toContain('loginAck')
    client.close()
  })
})

describe('ServerName', () => {
  it.each(['elsewhere.test', 'localhost.elsewhere.test', ''])(
    '"%s" is refused with 40532 and the name',
    async (serverName) => {
      const gateway = await azure.start()
      const client = await open(gateway, { login: (token) => login7(token, { serverName }) })
      expect(parseLoginResponse(await client.answer())).toMatchObject([
        {
          message: {
            number: 40532,
            message: `Cannot open server "${serverName}" requested by the login.  The login failed.`,
          },
        },
        { kind: 'done' },
      ])
      expect((await client.rest()).length).toBe(0)
      expect(gateway.stats()).toMatchObject({ hungUp: { 'server-name': 1 }, loginFailures: { 40532: 1 } })
    },
  )

  it.each([
    'localhost',
    'LocalHost',
    '127.0.0.1',
    'tcp:localhost,1433',
    'localhost\\instance',
    'alias.test',
    'db.certified.test',
  ])('"%s" is a name of the gateway', async (serverName) => {
    const ca = await createCertificateAuthority()
    const tls = { ...(await ca.issue({ hosts: ['localhost', '*.certified.test'] })), ca: ca.certificate }
    const gateway = await azure.start({ hosts: ['alias.test'], tls })
    const client = await open(gateway, { login: (token) => login7(token, { serverName }) })
    expect(kinds(await client.answer())).toContain('loginAck')
    client.close()
  })
})

describe('the TLS handshake of TDS 7', () => {
  it('is accepted in one message per flight, of as many packets as needed', async () => {
    const gateway = await azure.start()
    const client = await open(gateway, { client: { transport: (socket) => new Flights(socket, 'packets') } })
    expect(kinds(await client.answer())).toContain('loginAck')
    client.close()
  })

  it.each(['messages', 'bare'] as const)('whose second flight arrives in %s ends the connection', async (how) => {
    const gateway = await azure.start()
    const client = await open(gateway, { client: { transport: (socket) => new Flights(socket, how) } })
    expect((await client.rest()).length).toBe(0)
    expect(gateway.stats().hungUp).toEqual({ 'message-per-flight': 1 })
  })

  it('sends a long certificate chain as one message in packets of 4096 bytes', async () => {
    const ca = await createCertificateAuthority()
    const hosts = ['localhost', ...Array.from({ length: 200 }, (_, i) => `worker-${i}.control.database.test`)]
    const tls = { ...(await ca.issue({ hosts })), ca: ca.certificate }
    const gateway = await azure.start({ tls })
    let flights: Flights | undefined
    const transport: RawClientOptions['transport'] = (socket) => {
      flights = new Flights(socket, 'packets')
      return flights
    }
    const client = await open(gateway, { client: { transport } })
    expect(kinds(await client.answer())).toContain('loginAck')
    client.close()
    const first = flights?.received.slice(0, -1) ?? []
    expect(first.length).toBeGreaterThan(1)
    expect(first.map(({ last }) => last)).toEqual(first.map((_, i) => i === first.length - 1))
    expect(first.slice(0, -1).map(({ length }) => length)).toEqual(first.slice(0, -1).map(() => 4096))
    const token = await azure.token()
    const tedious = new Client(gateway, { type: 'azure-active-directory-access-token', options: { token } })
    expect(await tedious.connect()).toMatchObject({ ok: true })
    tedious.close()
  })
})
