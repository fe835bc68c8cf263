import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ProxyEvent } from '../../src/proxy/events.ts'
import { startProxy } from '../../src/proxy/proxy.ts'
import { Feature } from '../../src/tds/features.ts'
import { encodePacket, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { Encryption } from '../../src/tds/prelogin.ts'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { secretsIn, textsOf } from '../integration/secrets.ts'
import { type EntraServer, SPID, startEntraServer } from './entra-server.ts'
import { CountingCredential, type Door, loginFor, openDoor, TdsClient, targetFor } from './support.ts'

let server: EntraServer
const doors: Door[] = []
const clients: TdsClient[] = []
const servers: EntraServer[] = []

beforeAll(async () => {
  server = await startEntraServer()
})
afterAll(() => server.close())
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(doors.splice(0).map(({ proxy }) => proxy.close()))
  await Promise.all(servers.splice(0).map((each) => each.close()))
  server.reply = () => 'accept'
  server.logins.length = 0
  server.packets.length = 0
  server.connections = 0
})

async function open(options: Parameters<typeof openDoor>[1] = {}, to = server): Promise<Door> {
  const door = await openDoor(to, options)
  doors.push(door)
  return door
}

async function another(options: Parameters<typeof startEntraServer>[0]): Promise<EntraServer> {
  const started = await startEntraServer(options)
  servers.push(started)
  return started
}

async function client({ proxy }: Door, overrides: Parameters<typeof TdsClient.connect>[1] = {}): Promise<TdsClient> {
  const made = await TdsClient.connect(proxy, overrides)
  clients.push(made)
  return made
}

async function loggedIn(door: Door, overrides: Parameters<typeof loginFor>[1] = {}): Promise<TdsClient> {
  const made = await client(door)
  expect(await made.logIn(loginFor(door.proxy, overrides))).toMatchObject({ kind: 'accepted' })
  return made
}

describe('the door', () => {
  it('is on 127.0.0.1 and nowhere else, whatever is asked', async () => {
    const { proxy } = await open({ host: '0.0.0.0' } as never)
    expect(proxy.host).toBe('127.0.0.1')
    const others = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    for (const { address, family, internal } of others) {
      if (family !== 'IPv4' || internal) continue
      const [error] = await once(connect(proxy.port, address), 'error')
      expect(error.code).toBe('ECONNREFUSED')
    }
    const [error] = await once(connect(proxy.port, '::1'), 'error')
    expect(error.code).toMatch(/ECONNREFUSED|EADDRNOTAVAIL/)
  })

  it('is at the port that is asked for, or at a free one', async () => {
    const { proxy } = await open()
    await proxy.close()
    expect((await open({ port: proxy.port })).proxy.port).toBe(proxy.port)
    await expect(open({ port: proxy.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it('has another login at each start, which nothing shows that is not asked for it', async () => {
    const [one, two] = [(await open()).proxy, (await open()).proxy]
    expect(one.user).not.toBe(two.user)
    expect(one.password).not.toBe(two.password)
    expect(one.password).toMatch(/^[0-9a-f]{64}$/)
    const shown = [inspect(one, { showHidden: true, depth: 9 }), JSON.stringify(one), JSON.stringify(one.stats())]
    expect(shown.join()).not.toContain(one.password)
  })

  it('gives a connection string that the engine and the official adapter can use', async () => {
    const { proxy } = await open()
    expect(proxy.url()).toBe(
      `sqlserver://127.0.0.1:${proxy.port};database={app};user=${proxy.user};password=${proxy.password};` +
        'encrypt=DANGER_PLAINTEXT;connectTimeout=600000',
    )
    expect(proxy.url({ database: 'a;b', schema: 's' })).toContain(';database={a;b};schema={s};')
    expect(() => proxy.url({ database: 'a}b' })).toThrow(/must not hold/)
    expect((await open({ target: { database: undefined } })).proxy.url()).not.toContain('database')
  })

  it('asks nothing of Entra or the server before a client has given the right login', async () => {
    const door = await open()
    const other = await client(door)
    expect(await other.logIn(loginFor({ user: door.proxy.user, password: 'x' }))).toMatchObject({
      kind: 'refused',
      message: {
        number: 18456,
        class: 14,
        message: expect.stringMatching(/^Login failed for user 'entra_.*only the user/),
      },
    })
    await other.closed()
    expect(server.connections).toBe(0)
    expect(door.credential.requests).toBe(0)
    expect(door.proxy.stats()).toMatchObject({ connections: 1, refused: { credentials: 1 }, sessions: 0 })
    await loggedIn(door)
    expect(server.connections).toBe(1)
    expect(door.credential.requests).toBe(1)
  })

  it('turns away whom its owner does not want', async () => {
    const door = await open({ refuse: ({ database }) => (database === 'app' ? 'Not this one.' : undefined) })
    for (const database of ['', 'app']) {
      expect(await (await client(door)).logIn(loginFor(door.proxy, { database }))).toMatchObject({
        message: { number: 50_000, message: 'Not this one.' },
      })
    }
    expect(server.connections).toBe(0)
    expect(door.proxy.stats().refused.owner).toBe(2)
    await loggedIn(door, { database: 'other' })
  })

  it('does not wait for a client for ever', async () => {
    const door = await open({ loginTimeout: 100 })
    const mute = connect(door.proxy.port, door.proxy.host)
    await once(mute.resume(), 'close')
    await vi.waitFor(() => expect(door.proxy.stats().connectionsOpen).toBe(0))
  })

  it.each([
    ['does not hold a process open when it is told not to', true],
    ['holds a process open else', false],
  ])('%s', async (_, unref) => {
    const script = `
      import { openDoor, loginFor, TdsClient } from './test/proxy/support.ts'
      const { proxy } = await openDoor(${JSON.stringify({ port: server.port, ca: server.ca })}, { unref: ${unref} })
      const client = await TdsClient.connect(proxy)
      await client.logIn(loginFor(proxy))
      client.socket.unref()
      console.log(proxy.stats().sessionsOpen)`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script])
    const exited = once(child, 'exit')
    const [printed] = await once(child.stdout, 'data')
    expect(String(printed)).toBe('1\n')
    const open = new Promise((resolve) => setTimeout(() => resolve('open'), unref ? 60_000 : 500))
    expect(await Promise.race([exited, open])).toEqual(unref ? [0, null] : 'open')
    child.kill()
    await exited
  })
})

describe('a login', () => {
  it('is made upstream with the client’s own wishes, and a token instead of user and password', async () => {
    const door = await open()
    const wishes = loginFor(door.proxy, {
      applicationName: 'schema engine',
      database: 'shadow',
      hostName: 'my laptop',
      language: 'Deutsch',
      libraryName: 'tiberius',
      packetSize: 8000,
      flags: [0xe0, 0x83, 0x20, 0x09],
      clientProcessId: 99,
      timeZone: -120,
      lcid: 0x0407,
      features: [{ id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }],
      changePassword: 'never',
      sspi: Buffer.from('never'),
    })
    await (await client(door)).logIn(wishes)
    const [seen] = server.logins
    expect(seen).toMatchObject({ token: 'token-1', echo: false, prelogin: { fedAuthRequired: true } })
    const { features, ...login } = seen?.login ?? { features: [] }
    const { features: wished, ...asked } = wishes
    expect(login).toEqual({
      ...asked,
      // Neither Windows' sign-in (0x80) nor a change of password (0x01).
      flags: [0xe0, 0x03, 0x20, 0x08],
      userName: '',
      password: '',
      changePassword: '',
      sspi: Buffer.alloc(0),
      serverName: 'localhost',
    })
    expect(features.map(({ id }) => id)).toEqual([Feature.FEDAUTH, Feature.UTF8_SUPPORT])
    expect(features[1]).toEqual(wished[0])
  })

  it('goes to the target’s database where the client names none', async () => {
    await loggedIn(await open())
    expect(server.logins[0]?.login.database).toBe('app')
  })

  it.each([true, false, undefined])('echoes what the server says of FEDAUTHREQUIRED: %s', async (fedAuthRequired) => {
    const other = await another(fedAuthRequired === undefined ? {} : { fedAuthRequired })
    await loggedIn(await open({}, other))
    expect(other.logins[0]?.echo).toBe(fedAuthRequired ?? false)
  })

  it('is answered by the server’s own answer, less what the client did not ask for', async () => {
    const door = await open()
    const answer = await (await client(door)).logIn(loginFor(door.proxy, { packetSize: 8192, database: 'shadow' }))
    expect(answer).toMatchObject({ kind: 'accepted', spid: SPID })
    const tokens = answer.kind === 'accepted' ? answer.tokens : []
    expect(tokens.map(({ kind }) => kind)).toEqual(['other', 'other', 'loginAck', 'done'])
    expect(tokens[0]?.bytes.toString('utf16le', 5, 17)).toBe('shadow')
    const features = [{ id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }]
    const second = await (await client(door)).logIn(loginFor(door.proxy, { features }))
    expect(second.kind === 'accepted' && second.tokens.find(({ kind }) => kind === 'features')).toMatchObject({
      features: [{ id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }],
    })
  })

  it.each(['encrypted', 'strict'] as const)('works for a client that wants it %s', async (how) => {
    const door = await open()
    const encrypt = how === 'strict' ? 'strict' : true
    const made = await client(door, { encrypt, ca: door.proxy.ca, serverName: 'localhost' })
    expect(
      await made.logIn(loginFor(door.proxy, { tdsVersion: how === 'strict' ? 0x08000000 : 0x74000004 })),
    ).toMatchObject({
      kind: 'accepted',
    })
    expect(await made.ask()).toEqual(encodeDone(DoneStatus.FINAL))
    expect(server.logins[0]?.login.tdsVersion).toBe(0x74000004)
  })

  it('is refused to a client whose TDS has no Entra logins, with what to do', async () => {
    const door = await open()
    const answer = await (await client(door)).logIn(loginFor(door.proxy, { tdsVersion: 0x72090002 }))
    expect(answer).toMatchObject({ message: { number: 18456, message: expect.stringContaining('tds version = 7.4') } })
    expect(door.proxy.stats().refused['tds-version']).toBe(1)
    expect(server.connections).toBe(0)
  })

  it('goes over TDS 8 where the target is strict', async () => {
    const door = await open({ target: { encrypt: 'strict' } })
    const made = await client(door)
    await made.logIn(loginFor(door.proxy, { tdsVersion: 0x08000000 }))
    expect(server.logins[0]).toMatchObject({ login: { tdsVersion: 0x08000000 }, token: 'token-1' })
    expect(await made.ask()).toEqual(encodeDone(DoneStatus.FINAL))
  })

  it('follows redirects, and verifies the certificate of each host', async () => {
    const second = await another({})
    const third = await another({})
    server.reply = () => ({ host: 'localhost', port: second.port })
    second.reply = () => ({ host: 'localhost', port: third.port })
    const ca = [server, second, third].map((each) => each.ca) as never
    const door = await open({ target: { ca } })
    await loggedIn(door)
    expect(third.logins[0]).toMatchObject({ token: 'token-1', login: { database: 'app', serverName: 'localhost' } })
    expect(door.proxy.stats()).toMatchObject({ redirects: 2, sessions: 1 })
    await vi.waitFor(() => expect([server.sockets.size, second.sockets.size, third.sockets.size]).toEqual([0, 0, 1]))

    const strange = await open({ target: { ca: server.ca } })
    expect(await (await client(strange)).logIn(loginFor(strange.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringMatching(/certificate/) },
    })
    expect(second.logins).toHaveLength(1)
  })

  it('is not sent round in circles', async () => {
    server.reply = () => ({ host: 'localhost', port: server.port })
    const door = await open()
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringContaining('more than 10 times') },
    })
    expect(server.logins).toHaveLength(11)
  })
})

describe('a token', () => {
  const plain = { encryption: Encryption.NOT_SUPPORTED }

  it('is not sent to a server that does not encrypt', async () => {
    const bare = await another(plain)
    const door = await open({}, bare)
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringContaining('does not encrypt') },
    })
    expect(bare.logins).toEqual([])
  })

  it('goes in the clear to loopback alone, where encryption was turned off in so many words', async () => {
    const bare = await another(plain)
    await loggedIn(await open({ target: { encrypt: false } }, bare))
    expect(bare.logins[0]?.token).toBe('token-1')
  })

  it('is not sent to a server whose certificate cannot be verified, unless that was turned off', async () => {
    const stranger = await another({})
    const door = await open({ target: { ca: stranger.ca } })
    const answer = await (await client(door)).logIn(loginFor(door.proxy))
    expect(answer).toMatchObject({ kind: 'refused', message: { number: 40613 } })
    expect(server.logins).toEqual([])
    const named = await open({ target: { serverName: 'other.example' } })
    expect(await (await client(named)).logIn(loginFor(named.proxy))).toMatchObject({ kind: 'refused' })
    expect(server.logins).toEqual([])
    await loggedIn(await open({ target: { ca: stranger.ca, trustServerCertificate: true } }))
  })

  it('that the server refuses is replaced once', async () => {
    server.reply = ({ token }) => (token === 'token-2' ? 'accept' : { refuse: 18456 })
    const door = await open()
    await loggedIn(door)
    expect(server.logins.map(({ token }) => token)).toEqual(['token-1', 'token-2'])
    server.reply = () => ({ refuse: 18456, message: "Login failed for user '<token-identified principal>'." })
    server.logins.length = 0
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: {
        number: 18456,
        state: 5,
        message: expect.stringMatching(/'<token-identified principal>'\..*CREATE USER \[name\] FROM EXTERNAL PROVIDER/),
      },
    })
    expect(server.logins).toHaveLength(2)
  })

  it('that cannot be had is told to the client, with the reason', async () => {
    const door = await open({ timing: { waitTimeout: 300 } })
    door.credential.failure = Object.assign(new Error('Please run "az login".'), { name: 'CredentialUnavailableError' })
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 50_000, message: expect.stringContaining('Please run "az login".') },
    })
    expect(server.connections).toBe(0)
    expect(door.proxy.stats()).toMatchObject({ failures: 1, sessions: 0 })
  })

  it('is asked for once, by many clients at once', async () => {
    const door = await open()
    await Promise.all(Array.from({ length: 20 }, () => loggedIn(door)))
    expect(door.credential.requests).toBe(1)
  })
})

describe('a server that does not take the login', () => {
  const quick = { timing: { connectRetryInterval: 1 } }

  it.each([615, 926, 4221, 10928, 10929, 10936, 40197, 40501, 40613, 49918, 49919, 49920])(
    'is waited for where its error %i passes',
    async (number) => {
      server.reply = () => (server.logins.length < 3 ? { refuse: number } : 'accept')
      const events: ProxyEvent[] = []
      const door = await open({ ...quick, onEvent: (event) => events.push(event) })
      await loggedIn(door)
      expect(server.logins).toHaveLength(3)
      expect(events.map(({ type }) => type)).toEqual(['connect.retry', 'connect.retry', 'proxy.session-opened'])
    },
  )

  it('is waited for no longer than it was told', async () => {
    server.reply = () => ({ refuse: 40613, message: 'Paused.' })
    const door = await open({ timing: { connectRetryInterval: 1, connectRetryTimeout: 50 } })
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 40613, state: 5, message: expect.stringMatching(/Paused\./) },
    })
    expect(server.logins.length).toBeGreaterThan(1)
  })

  it('has its number and words told to the client, and what to do', async () => {
    server.reply = () => ({ refuse: 40615, message: "Client with IP address '192.0.2.1' is not allowed." })
    const door = await open()
    const made = await client(door)
    expect(await made.logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 40615, state: 5, class: 14, message: expect.stringMatching(/192\.0\.2\.1.*firewall/) },
    })
    await made.closed()
  })

  it('is waited for after 4060 where the database was there before', async () => {
    const door = await open(quick)
    server.reply = () => ({ refuse: 4060 })
    expect(await (await client(door)).logIn(loginFor(door.proxy, { database: 'new' }))).toMatchObject({
      message: { number: 4060 },
    })
    expect(server.logins).toHaveLength(1)
    server.reply = () => 'accept'
    await loggedIn(door, { database: 'new' })
    server.logins.length = 0
    server.reply = () => (server.logins.length < 3 ? { refuse: 4060 } : 'accept')
    await loggedIn(door, { database: 'NEW' })
    expect(server.logins).toHaveLength(3)
  })

  it('is told at once where it cannot be reached', async () => {
    const door = await open({ target: { port: 1 } })
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringMatching(/could be opened: connect ECONNREFUSED/) },
    })
  })

  it('is given up after the connect timeout where it does not answer', async () => {
    server.reply = () => 'hang'
    const door = await open({ target: { connectTimeout: 300 } })
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringContaining('did not answer within 300 ms') },
    })
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
  })

  it('is not believed where it does not acknowledge the token', async () => {
    server.reply = () => 'without-token'
    const door = await open()
    expect(await (await client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { message: expect.stringContaining('does not know Entra logins') },
    })
  })

  it('is let go when the client goes before it has answered', async () => {
    server.reply = () => 'hang'
    const door = await open()
    const made = await client(door)
    const outcome = made.logIn(loginFor(door.proxy)).catch(() => 'gone')
    await vi.waitFor(() => expect(server.logins).toHaveLength(1))
    made.socket.end()
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
    expect(await outcome).toBe('gone')
    expect(door.proxy.stats()).toMatchObject({ connectionsOpen: 0, failures: 0 })
  })
})

describe('a session', () => {
  it('has a connection of its own upstream, for all of its life', async () => {
    const door = await open()
    const made = [await loggedIn(door), await loggedIn(door), await loggedIn(door)]
    for (const each of made) for (let i = 0; i < 3; i++) await each.ask()
    expect(server.connections).toBe(3)
    expect(door.proxy.stats()).toMatchObject({ sessions: 3, sessionsOpen: 3 })
  })

  it('passes attention and the reset of a connection as they are', async () => {
    const made = await loggedIn(await open())
    expect(await made.ask(PacketType.ATTENTION, Buffer.alloc(0))).toEqual(encodeDone(DoneStatus.ATTENTION))
    const status = PacketStatus.END_OF_MESSAGE | PacketStatus.RESET_CONNECTION
    made.stream.write(encodePacket({ type: PacketType.RPC, status, payload: Buffer.alloc(100) }))
    await vi.waitFor(() =>
      expect(server.packets).toEqual([
        { type: PacketType.ATTENTION, status: 1, length: 0 },
        { type: PacketType.RPC, status, length: 100 },
      ]),
    )
  })

  it('ends upstream when the client goes, and what the client said last arrives', async () => {
    const door = await open()
    const made = await loggedIn(door)
    const last = encodePacket({ type: PacketType.SQL_BATCH, status: 1, payload: Buffer.alloc(1000) })
    made.socket.end(last)
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
    expect(server.packets).toEqual([{ type: PacketType.SQL_BATCH, status: 1, length: 1000 }])
    await vi.waitFor(() => expect(door.proxy.stats()).toMatchObject({ sessionsOpen: 0, connectionsOpen: 0 }))
  })

  it('ends upstream when the client is cut off', async () => {
    const door = await open()
    const made = await loggedIn(door)
    made.socket.resetAndDestroy()
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
  })

  it.each(['end', 'reset'] as const)('ends for the client when the server goes: %s', async (how) => {
    const door = await open()
    const made = await loggedIn(door)
    const [socket] = server.sockets
    if (how === 'end') socket?.destroy()
    else socket?.resetAndDestroy()
    await made.closed()
    await vi.waitFor(() => expect(door.proxy.stats()).toMatchObject({ sessionsOpen: 0, connectionsOpen: 0 }))
  })

  describe('that one end leaves', () => {
    const SIZE = 24 * 2 ** 20

    /** Reads slower than the other end writes, to the end, so that bytes are under way when that one goes. */
    async function readSlowly(stream: Duplex): Promise<number> {
      let length = 0
      for await (const chunk of stream) {
        length += (chunk as Buffer).length
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      return length
    }

    it('tells the client all that the server said before', async () => {
      const generous = await another({
        serve: async (stream) => {
          stream.end(Buffer.alloc(SIZE, 7))
        },
      })
      const made = await loggedIn(await open({}, generous))
      expect(await readSlowly(made.stream)).toBe(SIZE)
    })

    it('tells the server all that the client said before', async () => {
      let read: Promise<number> | undefined
      const slow = await another({
        serve: async (stream) => {
          read = readSlowly(stream)
          await read
        },
      })
      const made = await loggedIn(await open({}, slow))
      made.stream.end(Buffer.alloc(SIZE, 7))
      await vi.waitFor(() => expect(read).toBeDefined())
      expect(await read).toBe(SIZE)
    })
  })

  it('is left alone when its token expires, unless it was asked to end', async () => {
    const door = await open()
    door.credential.lifetime = 1_500
    const strict = await open({ endAtExpiry: true })
    strict.credential.lifetime = 1_500
    const [left, ended] = [await loggedIn(door), await loggedIn(strict)]
    await ended.closed()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await left.ask()).toEqual(encodeDone(DoneStatus.FINAL))
    expect(strict.proxy.stats().sessionsOpen).toBe(0)
  })

  it('begins with a new token where the one at hand is at its end', async () => {
    const credential = new CountingCredential()
    const tokenSource = new TokenSource(credential, {
      scope: 'test',
      timing: { deadlineMarginMin: 600, deadlineFraction: 1 },
    })
    const proxy = await startProxy({ target: targetFor(server), tokenSource })
    const door = { proxy, credential }
    doors.push(door)
    credential.lifetime = 2_000
    await loggedIn(door)
    await vi.waitFor(
      async () => {
        await loggedIn(door)
        expect(server.logins.at(-1)?.token).toBe('token-2')
      },
      { timeout: 20_000 },
    )
  })

  it('is told by events and statistics', async () => {
    const events: ProxyEvent[] = []
    const door = await open({ onEvent: (event) => events.push(event) })
    const other = await client(door)
    await other.logIn(loginFor({ user: 'x', password: 'y' }))
    const made = await loggedIn(door, { applicationName: 'psql', database: 'd' })
    await made.ask()
    made.close()
    await vi.waitFor(() => expect(events).toHaveLength(3))
    expect(events).toEqual([
      { type: 'proxy.login-refused', at: expect.any(Number), reason: 'credentials' },
      { type: 'proxy.session-opened', at: expect.any(Number), session: 1, applicationName: 'psql', database: 'd' },
      {
        type: 'proxy.session-closed',
        at: expect.any(Number),
        session: 1,
        durationMs: expect.any(Number),
        bytesIn: expect.any(Number),
        bytesOut: expect.any(Number),
      },
    ])
    const { bytesIn, bytesOut } = events[2] as Extract<ProxyEvent, { type: 'proxy.session-closed' }>
    expect(bytesIn).toBeGreaterThan(200)
    expect(bytesOut).toBeGreaterThan(50)
    await vi.waitFor(() => expect(door.proxy.stats()).toMatchObject({ connections: 2, connectionsOpen: 0 }))
    expect(door.proxy.stats().bytesIn).toBeGreaterThan(bytesIn)
    expect(JSON.stringify(events) + inspect(door.proxy.stats())).not.toMatch(/token-1/)
  })
})

describe('no token and no password is in', () => {
  it.each<[string, () => Parameters<typeof openDoor>[1], () => void]>([
    ['a refusal', () => ({}), () => (server.reply = () => ({ refuse: 18456 }))],
    ['an answer that makes no sense', () => ({}), () => (server.reply = () => 'drop')],
    ['a certificate that cannot be verified', () => ({ target: { ca: [] as never } }), () => {}],
    ['a server that does not answer', () => ({ target: { connectTimeout: 200 } }), () => (server.reply = () => 'hang')],
    ['nobody at that port', () => ({ target: { port: 1 } }), () => {}],
  ])('what is told of %s', async (_, options, provoke) => {
    provoke()
    const events: ProxyEvent[] = []
    const door = await open({ ...options(), onEvent: (event) => events.push(event) })
    const answer = await (await client(door)).logIn(loginFor(door.proxy))
    expect(events.at(-1)).toMatchObject({ type: 'proxy.login-failed' })
    const told = [...events, answer, door.proxy, door.proxy.stats()].flatMap(textsOf).join('\n')
    expect(door.credential.requests).toBeGreaterThan(0)
    expect(secretsIn(told, [door.proxy.password, 'token-1', 'token-2'])).toEqual([])
  })
})

describe('closing', () => {
  it('leaves no connection, here or upstream, and takes no more', async () => {
    const door = await open()
    const made = await loggedIn(door)
    server.reply = () => 'hang'
    const waiting = await client(door)
    const outcome = waiting.logIn(loginFor(door.proxy)).catch(() => 'gone')
    await vi.waitFor(() => expect(server.logins).toHaveLength(2))
    await door.proxy.close()
    await made.closed()
    expect(await outcome).toBe('gone')
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
    const [error] = await once(connect(door.proxy.port, door.proxy.host), 'error')
    expect(error.code).toBe('ECONNREFUSED')
  })
})
