import { Connection } from 'tedious'
import { describe, expect, it } from 'vitest'
import type { ProxyEvent } from '../../src/proxy/events.ts'
import { parseLoginResponse } from '../../src/tds/login-response.ts'
import { encodeLogin7 } from '../../src/tds/login7.ts'
import { PacketType } from '../../src/tds/packet.ts'
import { useProxies } from './started-proxies.ts'
import { loginFor } from './support.ts'

const proxies = useProxies()

async function startTestProxy() {
  const events: ProxyEvent[] = []
  return { ...(await proxies.start({ onEvent: (event) => events.push(event) })), events }
}

/** A right login, but for where its features are. */
function withFeaturesNowhere(login: Buffer): Buffer {
  const bytes = Buffer.from(login)
  bytes.writeUInt8(bytes.readUInt8(27) | 0x10, 27)
  return bytes
}

describe('a login that cannot be read', () => {
  it.each<[string, (login: Buffer) => Buffer, number]>([
    ['has features that are nowhere', withFeaturesNowhere, PacketType.LOGIN7],
    ['is cut off', (login) => login.subarray(0, 50), PacketType.LOGIN7],
    ['is empty', () => Buffer.alloc(0), PacketType.LOGIN7],
    ['is none', () => Buffer.from('SELECT 1', 'utf16le'), PacketType.SQL_BATCH],
  ])('gets an error and causes an event if it %s', async (_, spoil, type) => {
    const started = await startTestProxy()
    const client = await proxies.client(started)
    const answer = await client.ask(type, spoil(encodeLogin7(loginFor(started.proxy))))
    expect(parseLoginResponse(answer)).toMatchObject([{ kind: 'error', message: { number: 17832 } }, { kind: 'done' }])
    await client.closed()
    expect(started.events).toMatchObject([{ type: 'proxy.login-refused', reason: 'unreadable' }])
    expect(started.proxy.stats()).toMatchObject({ refused: { unreadable: 1 }, sessions: 0 })
    expect(proxies.server.connections).toBe(0)
  })

  it('causes no event if the client only disconnected', async () => {
    const started = await startTestProxy()
    const client = await proxies.client(started)
    client.socket.end(Buffer.from([PacketType.LOGIN7, 1, 0]))
    await client.closed()
    expect(started.events).toEqual([])
  })

  /** tedious announces features in every version, and sends none before 7.4. */
  async function connectWith(tdsVersion: string) {
    const { proxy, events } = await startTestProxy()
    const authentication = { type: 'default', options: { userName: proxy.user, password: proxy.password } } as const
    const options = { port: proxy.port, encrypt: false, tdsVersion }
    const connection = new Connection({ server: proxy.host, authentication, options })
    const error = await new Promise<Error | undefined>((resolve) => connection.connect(resolve))
    connection.close()
    return { error, events }
  }

  it('by tedious, which announces features even in TDS 7.2, gets the error about the version', async () => {
    const { error, events } = await connectWith('7_2')
    expect(error?.message).toMatch(/^Login failed for user 'entra_\w+'\. Reason: .*before 7\.3/)
    expect(events).toMatchObject([{ type: 'proxy.login-refused', reason: 'tds-version' }])
  })

  it('is none if tedious announces features in TDS 7.3', async () => {
    const { error, events } = await connectWith('7_3_B')
    expect(error).toBeUndefined()
    expect(events[0]).toMatchObject({ type: 'proxy.session-opened' })
  })
})
