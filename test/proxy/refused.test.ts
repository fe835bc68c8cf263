import { describe, expect, it, vi } from 'vitest'
import type { LoginAnswer } from '../../src/login/client-login.ts'
import type { ProxyEvent } from '../../src/proxy/events.ts'
import { Encryption } from '../../src/tds/prelogin.ts'
import { systemClock } from '../../src/time/clock.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { secretsIn, textsOf } from '../integration/secrets.ts'
import { useProxies } from './started-proxies.ts'
import { loginFor, type TestProxy, type TestProxyOptions } from './support.ts'

const proxies = useProxies()

/** A source of the proxy's credential whose clock can be put ahead. */
function sourceFor({ credential }: TestProxy) {
  const clock = { ...systemClock, ahead: 0, now: () => Date.now() + clock.ahead }
  return { clock, tokenSource: new TokenSource(credential, { scope: 'test', clock }) }
}

/** What the client was told beside the errors. */
function adviceIn(answer: LoginAnswer): string {
  const tokens = answer.kind === 'refused' ? answer.tokens : []
  return tokens.flatMap((token) => (token.kind === 'info' ? [token.message.message] : [])).join('\n')
}

describe('a token', () => {
  const plain = { encryption: Encryption.NOT_SUPPORTED }

  it('is not sent to a server that does not encrypt', async () => {
    const bare = await proxies.another(plain)
    const started = await proxies.start({}, bare)
    expect(await (await proxies.client(started)).logIn(loginFor(started.proxy))).toMatchObject({
      message: { number: 50_000, message: expect.stringContaining('does not offer encryption') },
    })
    expect(bare.logins).toEqual([])
  })

  it('is sent unencrypted only to loopback, and only if encryption was turned off explicitly', async () => {
    const bare = await proxies.another(plain)
    await proxies.loggedIn(await proxies.start({ target: { encrypt: false } }, bare))
    expect(bare.logins[0]?.token).toBe('token-1')
  })

  it('is not sent to a server whose certificate cannot be verified, unless verification was turned off', async () => {
    const stranger = await proxies.another({})
    const started = await proxies.start({ target: { tls: { ca: stranger.ca } } })
    const answer = await (await proxies.client(started)).logIn(loginFor(started.proxy))
    expect(answer).toMatchObject({ kind: 'refused', message: { number: 50_000 } })
    expect(proxies.server.logins).toEqual([])
    const named = await proxies.start({ target: { serverName: 'other.example' } })
    expect(await (await proxies.client(named)).logIn(loginFor(named.proxy))).toMatchObject({ kind: 'refused' })
    expect(proxies.server.logins).toEqual([])
    await proxies.loggedIn(await proxies.start({ target: { tls: { ca: stranger.ca }, trustServerCertificate: true } }))
  })

  it('that the server calls expired is replaced once if it was in use for a while', async () => {
    const started = await proxies.start()
    const { clock, tokenSource } = sourceFor(started)
    await proxies.loggedIn(await proxies.start({ tokenSource }))
    clock.ahead = 60_000
    const message = "Login failed for user '<token-identified principal>'. Token is expired."
    proxies.server.reply = ({ token }) => (token === 'token-2' ? 'accept' : { refuse: 18456, message })
    proxies.server.logins.length = 0
    await proxies.loggedIn(await proxies.start({ tokenSource }))
    expect(proxies.server.logins.map(({ token }) => token)).toEqual(['token-1', 'token-2'])
  })

  it('that the server refuses is not replaced if the credential has just returned it, and the client gets the error at once', async () => {
    proxies.server.reply = () => ({ refuse: 18456, message: "Login failed for user '<token-identified principal>'." })
    const started = await proxies.start()
    for (let i = 0; i < 3; i++) {
      const answer = await (await proxies.client(started)).logIn(loginFor(started.proxy))
      expect(answer).toMatchObject({
        message: { number: 18456, state: 5, message: expect.stringMatching(/principal>'\.$/) },
      })
      expect(adviceIn(answer)).toContain('CREATE USER [NAME] FROM EXTERNAL PROVIDER')
    }
    // The server is not asked twice in a moment.
    expect(proxies.server.logins).toHaveLength(1)
    expect(started.credential.requests).toBe(1)
  })

  it('that the credential cannot get is an error for the client, with the reason', async () => {
    const started = await proxies.start({ timing: { waitTimeout: 300 } })
    started.credential.failure = Object.assign(new Error('Please run "az login".'), {
      name: 'CredentialUnavailableError',
    })
    expect(await (await proxies.client(started)).logIn(loginFor(started.proxy))).toMatchObject({
      message: { number: 50_000, message: expect.stringContaining('Please run "az login".') },
    })
    expect(proxies.server.connections).toBe(0)
    expect(started.proxy.stats()).toMatchObject({ failures: 1, sessions: 0 })
  })

  it('is requested once for many concurrent clients', async () => {
    const started = await proxies.start()
    await Promise.all(Array.from({ length: 20 }, () => proxies.loggedIn(started)))
    expect(started.credential.requests).toBe(1)
  })
})

describe('a server that does not accept the login', () => {
  const quick = { timing: { connectRetryInterval: 1 } }

  it.each([615, 926, 4221, 10928, 10929, 10936, 40197, 40501, 40613, 49918, 49919, 49920])(
    'is waited for where its error %i passes',
    async (number) => {
      proxies.server.reply = () => (proxies.server.logins.length < 3 ? { refuse: number } : 'accept')
      const events: ProxyEvent[] = []
      const started = await proxies.start({ ...quick, onEvent: (event) => events.push(event) })
      await proxies.loggedIn(started)
      expect(proxies.server.logins).toHaveLength(3)
      expect(events.map(({ type }) => type)).toEqual(['connect.retry', 'connect.retry', 'proxy.session-opened'])
    },
  )

  it('is not waited for if connectRetryTimeout is 0', async () => {
    proxies.server.reply = () => ({ refuse: 40613, message: 'Paused.' })
    const events: ProxyEvent[] = []
    const timing = { connectRetryInterval: 1, connectRetryTimeout: 0 }
    const started = await proxies.start({ timing, onEvent: (event) => events.push(event) })
    expect(await (await proxies.client(started)).logIn(loginFor(started.proxy))).toMatchObject({
      message: { number: 40613, state: 5, message: 'Paused.' },
    })
    expect(proxies.server.logins).toHaveLength(1)
    expect(events.map(({ type }) => type)).toEqual(['proxy.login-failed'])
  })

  it('reaches the client with its number, its message and what to do', async () => {
    proxies.server.reply = () => ({ refuse: 40615, message: "Client with IP address '192.0.2.1' is not allowed." })
    const started = await proxies.start()
    const made = await proxies.client(started)
    const answer = await made.logIn(loginFor(started.proxy))
    const message = "Client with IP address '192.0.2.1' is not allowed."
    expect(answer).toMatchObject({ message: { number: 40615, state: 5, class: 14, message } })
    expect(adviceIn(answer)).toMatch(/blocks 192\.0\.2\.1[\s\S]*firewall-rule create/)
    await made.closed()
  })

  it('has all of its errors in the event and in its JSON, in order', async () => {
    proxies.server.reply = () => ({
      refuse: 4060,
      message: 'No database.',
      next: { refuse: 18456, message: 'No login.' },
    })
    const events: ProxyEvent[] = []
    const started = await proxies.start({ onEvent: (event) => events.push(event) })
    await (await proxies.client(started)).logIn(loginFor(started.proxy))
    expect(events).toMatchObject([
      { error: { number: 4060, cause: { messages: [{ number: 4060 }, { number: 18456 }] } } },
    ])
    expect(JSON.stringify(events)).toContain('4060: No database. 18456: No login.')
  })

  it('is waited for after 4060 if the database existed before', async () => {
    const started = await proxies.start(quick)
    proxies.server.reply = () => ({ refuse: 4060 })
    expect(await (await proxies.client(started)).logIn(loginFor(started.proxy, { database: 'new' }))).toMatchObject({
      message: { number: 4060 },
    })
    expect(proxies.server.logins).toHaveLength(1)
    proxies.server.reply = () => 'accept'
    await proxies.loggedIn(started, { database: 'new' })
    proxies.server.logins.length = 0
    proxies.server.reply = () => (proxies.server.logins.length < 3 ? { refuse: 4060 } : 'accept')
    await proxies.loggedIn(started, { database: 'NEW' })
    expect(proxies.server.logins).toHaveLength(3)
  })

  it('is reported at once if it cannot be reached', async () => {
    const started = await proxies.start({ target: { port: 1 } })
    expect(await (await proxies.client(started)).logIn(loginFor(started.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringMatching(/could be opened: connect ECONNREFUSED/) },
    })
  })

  it('in time is waited for, such as one that is resuming', async () => {
    proxies.server.reply = () => (proxies.server.logins.length < 3 ? 'hang' : 'accept')
    const events: ProxyEvent[] = []
    const started = await proxies.start({
      ...quick,
      target: { connectTimeout: 1_000 },
      onEvent: (event) => events.push(event),
    })
    await proxies.loggedIn(started)
    expect(events.pop()).toMatchObject({ type: 'proxy.session-opened' })
    expect(events.length).toBeGreaterThanOrEqual(2)
    for (const event of events) expect(event).toMatchObject({ type: 'connect.retry', error: { code: 'LOGIN_TIMEOUT' } })
  })

  it('is abandoned after the connect timeout if it does not answer', async () => {
    proxies.server.reply = () => 'hang'
    const started = await proxies.start({ target: { connectTimeout: 300 }, timing: { connectRetryTimeout: 0 } })
    const answer = await (await proxies.client(started)).logIn(loginFor(started.proxy))
    expect(answer).toMatchObject({ message: { number: 40613, message: expect.stringMatching(/in 300 ms\.$/) } })
    expect(adviceIn(answer)).toMatch(/^The server was reached/)
    await vi.waitFor(() => expect(proxies.server.sockets.size).toBe(0))
  })

  it('that does not acknowledge the token is not trusted', async () => {
    proxies.server.reply = () => 'without-token'
    const started = await proxies.start()
    expect(await (await proxies.client(started)).logIn(loginFor(started.proxy))).toMatchObject({
      message: { message: expect.stringContaining('does not support Entra logins') },
    })
  })

  it('is disconnected if the client disconnects before it has answered', async () => {
    proxies.server.reply = () => 'hang'
    const started = await proxies.start()
    const made = await proxies.client(started)
    const outcome = made.logIn(loginFor(started.proxy)).catch(() => 'gone')
    await vi.waitFor(() => expect(proxies.server.logins).toHaveLength(1))
    made.socket.end()
    await vi.waitFor(() => expect(proxies.server.sockets.size).toBe(0))
    expect(await outcome).toBe('gone')
    expect(started.proxy.stats()).toMatchObject({ connectionsOpen: 0, failures: 0 })
  })
})

describe('a missing user', () => {
  it('is looked up once for clients that connect at the same time, and each gets the error', async () => {
    const message = "Login failed for user '<token-identified principal>'."
    proxies.server.reply = () => ({ refuse: 18456, message })
    const started = await proxies.start()
    const attempt = async () => (await proxies.client(started)).logIn(loginFor(started.proxy))
    const answers = [...(await Promise.all(Array.from({ length: 10 }, attempt))), await attempt()]
    for (const answer of answers) expect(answer).toMatchObject({ message: { number: 18456, message } })
    expect(proxies.server.logins).toHaveLength(1)
    expect(started.proxy.stats().failures).toBe(11)
  })

  it('in one database does not affect another', async () => {
    const message = "Login failed for user '<token-identified principal>'."
    proxies.server.reply = ({ login }) => (login.database === 'app' ? { refuse: 18456, message } : 'accept')
    const started = await proxies.start()
    await (await proxies.client(started)).logIn(loginFor(started.proxy))
    await proxies.loggedIn(started, { database: 'other' })
  })
})

describe('no token and no password is in', () => {
  it.each<[string, () => TestProxyOptions, () => void]>([
    ['a refusal', () => ({}), () => (proxies.server.reply = () => ({ refuse: 18456 }))],
    ['an answer that makes no sense', () => ({}), () => (proxies.server.reply = () => 'drop')],
    ['a certificate that cannot be verified', () => ({ target: { tls: { ca: [] as never } } }), () => {}],
    [
      'a server that does not answer',
      () => ({ target: { connectTimeout: 200 }, timing: { connectRetryTimeout: 0 } }),
      () => (proxies.server.reply = () => 'hang'),
    ],
    ['nobody at that port', () => ({ target: { port: 1 } }), () => {}],
  ])('the report of %s', async (_, options, provoke) => {
    provoke()
    const events: ProxyEvent[] = []
    const started = await proxies.start({ ...options(), onEvent: (event) => events.push(event) })
    const answer = await (await proxies.client(started)).logIn(loginFor(started.proxy))
    expect(events.at(-1)).toMatchObject({ type: 'proxy.login-failed' })
    const told = [...events, answer, started.proxy, started.proxy.stats()].flatMap(textsOf).join('\n')
    expect(started.credential.requests).toBeGreaterThan(0)
    expect(secretsIn(told, [started.proxy.password, 'token-1', 'token-2'])).toEqual([])
  })
})
