import { describe, expect, it } from 'vitest'
import { Feature } from '../../src/tds/features.ts'
import type { GatewayOptions } from '../../src/testing/index.ts'
import { startEntraServer } from './entra-server.ts'
import { bytesOf, type SessionOptions, useStrictGateway } from './strict-gateway.ts'
import { loginFor, startTestProxy, TdsClient } from './support.ts'

const azure = useStrictGateway()

const SERVERS: [string, Partial<GatewayOptions>, redirects: number][] = [
  ['Fabric, which wants a TRACEID and redirects to an instance', { kind: 'fabric' }, 1],
  ['Azure with the policy Redirect', { redirect: {} }, 1],
  ['two redirects, to an instance each', { redirect: { to: ['127.0.0.1\\first', 'localhost\\second'] } }, 2],
  ['a redirect without LOGINACK', { redirect: { loginAck: false } }, 1],
  ['a redirect before the token is looked at', { redirect: { at: 'login7' } }, 1],
  ['a redirect that could name the database too', { redirect: { enhanced: true } }, 1],
  ['serverless Synapse, which reports on procedures first', { kind: 'synapse' }, 0],
  ['an answer of many packets, with SESSIONSTATE', { loginAnswer: { infos: 12, sessionState: true } }, 0],
]

/** All that clients ask for. */
const EVERY_FEATURE = Object.values(Feature)
  .filter((id) => id !== Feature.FEDAUTH)
  .map((id) => ({ id, data: id === Feature.SESSION_RECOVERY ? Buffer.alloc(0) : Buffer.from([1]) }))

describe.each(SERVERS)('%s', (_, options, redirects) => {
  it.each<[SessionOptions['server'], string, typeof EVERY_FEATURE]>([
    [true, 'no feature', []],
    ['strict', 'no feature', []],
    [true, 'every feature', EVERY_FEATURE],
  ])('serves a client of the proxy (encrypt: %s) that asks for %s', async (server, _what, features) => {
    const gateway = await azure.start(options)
    const { exchange, tokens, started } = await azure.session(gateway, { server, login: { features } })
    expect(await exchange(bytesOf(10_000))).toEqual(bytesOf(10_000))
    expect(started.proxy.stats().redirects).toBe(redirects)
    expect(gateway.stats()).toMatchObject({ redirects, logins: 1, hungUp: {} })
    const strange = ['private', 'routing', 'unknown', ...(features.length === 0 ? ['sessionState'] : [])]
    expect(tokens.map(({ kind }) => kind).filter((kind) => strange.includes(kind))).toEqual([])
    expect(tokens.at(-1)).toMatchObject({ kind: 'done', final: true })
  })
})

it('a server that only accepts TDS 8 works with a strict target', async () => {
  const gateway = await azure.start({ kind: 'strict-only' })
  const { exchange } = await azure.session(gateway, { server: 'strict' })
  expect(await exchange(bytesOf(100))).toEqual(bytesOf(100))
})

describe('after a redirect', () => {
  /** A server that redirects to another, whose certificate has these names, by the name `127.0.0.1`. */
  async function redirect(hosts: string[]) {
    const second = azure.keep(await startEntraServer({ hosts }))
    const first = azure.keep(
      await startEntraServer({ reply: () => ({ host: '127.0.0.1\\an instance', port: second.port }) }),
    )
    const ca = [first.ca, second.ca] as never
    const { proxy } = await startTestProxy(first, { target: { tls: { ca } } })
    azure.keep(proxy)
    const client = azure.keep(await TdsClient.connect(proxy))
    return { answer: await client.logIn(loginFor(proxy)), second }
  }

  it.each([
    ['the new one', '127.0.0.1'],
    ['the one first dialled', 'localhost'],
  ])('the name in the certificate may be %s', async (_, host) => {
    const { answer, second } = await redirect([host])
    expect(answer.kind).toBe('accepted')
    expect(second.logins[0]?.login.serverName).toBe('127.0.0.1\\an instance')
  })

  it('any other name in the certificate is refused, and the error names the server', async () => {
    const { answer, second } = await redirect(['elsewhere.example'])
    expect(answer).toMatchObject({
      kind: 'refused',
      message: {
        message: expect.stringMatching(
          new RegExp(`another host name[\\s\\S]*redirected to 127\\.0\\.0\\.1\\\\an instance:${second.port}`),
        ),
      },
    })
    expect(second.logins).toEqual([])
  })
})
