import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { useBundledProgram } from '../support/bundled-program.ts'
import { useProxies } from './started-proxies.ts'
import { loginFor } from './support.ts'

const proxies = useProxies()
const support = useBundledProgram('test/proxy/support.ts')

describe('the loopback proxy', () => {
  it('listens on 127.0.0.1 only, whatever the options', async () => {
    const { proxy } = await proxies.start({ host: '0.0.0.0' } as never)
    expect(proxy.host).toBe('127.0.0.1')
    // Whoever listens on every address is reached by these too.
    for (const address of ['127.0.0.2', '::1']) {
      const socket = connect(proxy.port, address)
      const connected = once(socket, 'connect').finally(() => socket.destroy())
      await expect(connected).rejects.toMatchObject({
        code: expect.stringMatching(/ECONNREFUSED|EADDRNOTAVAIL|EINVAL/),
      })
    }
  })

  it('listens on the requested port, or on a free one', async () => {
    const { proxy } = await proxies.start()
    await proxy.close()
    expect((await proxies.start({ port: proxy.port })).proxy.port).toBe(proxy.port)
    await expect(proxies.start({ port: proxy.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it('has a new login at each start and reveals it only on request', async () => {
    const [one, two] = [(await proxies.start()).proxy, (await proxies.start()).proxy]
    expect(one.user).not.toBe(two.user)
    expect(one.password).not.toBe(two.password)
    expect(one.password).toMatch(/^[0-9a-f]{30}$/)
    const shown = [inspect(one, { showHidden: true, depth: 9 }), JSON.stringify(one), JSON.stringify(one.stats())]
    expect(shown.join()).not.toContain(one.password)
  })

  it('returns a connection string that the engine and the official adapter can use', async () => {
    const { proxy } = await proxies.start()
    expect(proxy.url()).toBe(
      `sqlserver://127.0.0.1:${proxy.port};database={app};user=${proxy.user};password=${proxy.password};` +
        'encrypt=DANGER_PLAINTEXT;connectTimeout=600000',
    )
    expect(proxy.url({ database: 'a;b', schema: 's' })).toContain(';database={a;b};schema={s};')
    expect(() => proxy.url({ database: 'a}b' })).toThrow(/must not contain/)
    expect((await proxies.start({ target: { database: undefined } })).proxy.url()).not.toContain('database')
  })

  it('sends its certificate chain up to the authority', async () => {
    const { proxy } = await proxies.start()
    const socket = connectTls({ host: proxy.host, port: proxy.port, ca: proxy.ca, ALPNProtocols: ['tds/8.0'] })
    await once(socket, 'secureConnect')
    const { issuerCertificate } = socket.getPeerX509Certificate() ?? {}
    socket.destroy()
    expect(issuerCertificate?.toString()).toBe(proxy.ca)
  })

  it('contacts neither Entra nor the server before a client has sent the right login', async () => {
    const started = await proxies.start()
    const other = await proxies.client(started)
    expect(await other.logIn(loginFor({ user: started.proxy.user, password: 'x' }))).toMatchObject({
      kind: 'refused',
      message: {
        number: 18456,
        class: 14,
        message: expect.stringMatching(/^Login failed for user 'entra_.*only accepts the user/),
      },
    })
    await other.closed()
    expect(proxies.server.connections).toBe(0)
    expect(started.credential.requests).toBe(0)
    expect(started.proxy.stats()).toMatchObject({ connections: 1, refused: { credentials: 1 }, sessions: 0 })
    await proxies.loggedIn(started)
    expect(proxies.server.connections).toBe(1)
    expect(started.credential.requests).toBe(1)
  })

  it('refuses a client that its owner rejects', async () => {
    const started = await proxies.start({
      refuse: ({ database }) => (database === 'app' ? 'Not this one.' : undefined),
    })
    for (const database of ['', 'app']) {
      expect(await (await proxies.client(started)).logIn(loginFor(started.proxy, { database }))).toMatchObject({
        message: {
          number: 50_000,
          message: expect.stringMatching(/^Login failed for user 'entra_\w+'\. Reason: Not this one\.$/),
        },
      })
    }
    expect(proxies.server.connections).toBe(0)
    expect(started.proxy.stats().refused.owner).toBe(2)
    await proxies.loggedIn(started, { database: 'other' })
  })

  it('does not wait forever for a client', async () => {
    const started = await proxies.start({ loginTimeout: 100 })
    const mute = connect(started.proxy.port, started.proxy.host)
    await once(mute.resume(), 'close')
    await vi.waitFor(() => expect(started.proxy.stats().connectionsOpen).toBe(0))
  })

  it.each([
    ['does not hold a process open when it is told not to', true],
    ['holds a process open else', false],
  ])('%s', async (_, unref) => {
    const script = `
      import { startTestProxy, loginFor, TdsClient } from ${JSON.stringify(support())}
      const { proxy } = await startTestProxy(${JSON.stringify({ port: proxies.server.port, ca: proxies.server.ca })}, { unref: ${unref} })
      const client = await TdsClient.connect(proxy)
      await client.logIn(loginFor(proxy))
      client.socket.unref()
      console.log(proxy.stats().sessionsOpen)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script])
    const exited = once(child, 'exit')
    const [printed] = await once(child.stdout, 'data')
    expect(String(printed)).toBe('1\n')
    const open = new Promise((resolve) => setTimeout(() => resolve('open'), unref ? 60_000 : 500))
    expect(await Promise.race([exited, open])).toEqual(unref ? [0, null] : 'open')
    child.kill()
    await exited
  })
})

describe('closing the proxy', () => {
  it('leaves no connection, local or upstream, and accepts no more', async () => {
    const started = await proxies.start()
    const made = await proxies.loggedIn(started)
    proxies.server.reply = () => 'hang'
    const waiting = await proxies.client(started)
    const outcome = waiting.logIn(loginFor(started.proxy)).catch(() => 'gone')
    await vi.waitFor(() => expect(proxies.server.logins).toHaveLength(2))
    await started.proxy.close()
    await made.closed()
    expect(await outcome).toBe('gone')
    await vi.waitFor(() => expect(proxies.server.sockets.size).toBe(0))
    const [error] = await once(connect(started.proxy.port, started.proxy.host), 'error')
    expect(error.code).toBe('ECONNREFUSED')
  })
})
