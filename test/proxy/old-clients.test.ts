import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import type { ProxyEvent } from '../../src/proxy/events.ts'
import { encodeLogin7 } from '../../src/tds/login7.ts'
import { readMessage } from '../../src/tds/messages.ts'
import { encodePacket, PacketType } from '../../src/tds/packet.ts'
import { useProxies } from './started-proxies.ts'
import { loginFor, type TestProxy } from './support.ts'

const proxies = useProxies()
const MISSING =
  spawnSync('tsql', ['-C']).status === 0 ? undefined : 'FreeTDS is not installed: apt-get install freetds-bin'

async function start() {
  const events: ProxyEvent[] = []
  return { ...(await proxies.start({ onEvent: (event) => events.push(event) })), events }
}
const REFUSAL = { type: 'proxy.login-refused', reason: 'tds-version' }

describe('a client that begins with its login', () => {
  it.each<[string, number, 'latin1' | 'utf16le']>([
    ['TDS 7.0', PacketType.LOGIN7, 'utf16le'],
    ['TDS 4.2', PacketType.LOGIN, 'latin1'],
  ])('is told in %s what is needed', async (_, type, encoding) => {
    const started = await start()
    const socket = connect(started.proxy.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(encodePacket({ type, status: 1, payload: Buffer.alloc(512) }))
    const { payload } = await readMessage(socket, 4096)
    const words = 'set it to 7.4'
    expect(payload[0]).toBe(0xaa)
    expect(payload.includes(Buffer.from(words, encoding))).toBe(true)
    // DONE has rows of 32 bits.
    expect(payload.at(3 + payload.readUInt16LE(1))).toBe(0xfd)
    expect(payload.length).toBe(3 + payload.readUInt16LE(1) + 9)
    socket.destroy()
    expect(started.events).toMatchObject([REFUSAL])
  })
})

it('a login of TDS 7.1, which is shorter, is read to its end', async () => {
  const started = await start()
  const client = await proxies.client(started)
  const login = encodeLogin7(loginFor(started.proxy, { tdsVersion: 0x71000001 }))
  // What TDS 7.2 added is text here.
  login.fill(0xff, 86, 94)
  const answer = await client.ask(PacketType.LOGIN7, login)
  expect(answer.toString('utf16le', 9)).toContain('set it to 7.4')
  expect(answer.length).toBe(3 + answer.readUInt16LE(1) + 9)
  expect(started.events).toMatchObject([REFUSAL])
})

/** All that FreeTDS prints when it connects. */
function tsql({ proxy: { host, port, user, password } }: TestProxy, version: string): Promise<string> {
  const args = ['-H', host, '-p', String(port), '-U', user, '-P', password]
  const env = { ...process.env, TDSVER: version }
  return new Promise((resolve) => {
    execFile('tsql', args, { env, timeout: 60_000 }, (_, stdout, stderr) => resolve(stdout + stderr)).stdin?.end()
  })
}

it('FreeTDS with TDS 7.3, which tiny_tds asks for, logs in', async (context) => {
  context.skip(MISSING !== undefined, MISSING)
  const started = await start()
  expect(await tsql(started, '7.3')).not.toContain('Msg')
  expect(started.events[0]).toMatchObject({ type: 'proxy.session-opened' })
})

describe.each(['4.2', '5.0', '7.0', '7.1', '7.2'])('FreeTDS with TDS %s', (version) => {
  it('shows what is needed', async (context) => {
    context.skip(MISSING !== undefined, MISSING)
    const started = await start()
    const output = await tsql(started, version)
    expect(output).toContain('set it to 7.4 (FreeTDS: tds version = 7.4)')
    await vi.waitFor(() => expect(started.events).toMatchObject([REFUSAL]))
  })
})
