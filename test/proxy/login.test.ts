import { describe, expect, it, vi } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { targetOf } from '../../src/login/target.ts'
import { Feature } from '../../src/tds/features.ts'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { SPID } from './entra-server.ts'
import { useProxies } from './started-proxies.ts'
import { loginFor } from './support.ts'

const proxies = useProxies()

describe('a login', () => {
  it('is made upstream with the client’s own login request and a token instead of a user and password', async () => {
    const started = await proxies.start()
    const request = loginFor(started.proxy, {
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
    await (await proxies.client(started)).logIn(request)
    const [seen] = proxies.server.logins
    expect(seen).toMatchObject({ token: 'token-1', echo: false, prelogin: { fedAuthRequired: true } })
    const { features, ...login } = seen?.login ?? { features: [] }
    const { features: requested, ...asked } = request
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
    expect(features[1]).toEqual(requested[0])
  })

  it('goes to the target’s database if the client names none', async () => {
    await proxies.loggedIn(await proxies.start())
    expect(proxies.server.logins[0]?.login.database).toBe('app')
  })

  it.each([true, false, undefined])('echoes the server’s FEDAUTHREQUIRED: %s', async (fedAuthRequired) => {
    const other = await proxies.another(fedAuthRequired === undefined ? {} : { fedAuthRequired })
    await proxies.loggedIn(await proxies.start({}, other))
    expect(other.logins[0]?.echo).toBe(fedAuthRequired ?? false)
  })

  it('is answered with the server’s own answer, without what the client did not ask for', async () => {
    const started = await proxies.start()
    const answer = await (await proxies.client(started)).logIn(
      loginFor(started.proxy, { packetSize: 8192, database: 'shadow' }),
    )
    expect(answer).toMatchObject({ kind: 'accepted', spid: SPID })
    const tokens = answer.kind === 'accepted' ? answer.tokens : []
    expect(tokens.map(({ kind }) => kind)).toEqual(['database', 'packetSize', 'loginAck', 'done'])
    expect(tokens[0]?.bytes.toString('utf16le', 5, 17)).toBe('shadow')
    const features = [{ id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }]
    const second = await (await proxies.client(started)).logIn(loginFor(started.proxy, { features }))
    expect(second.kind === 'accepted' && second.tokens.find(({ kind }) => kind === 'features')).toMatchObject({
      features: [{ id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }],
    })
  })

  it('passes the string’s settings to the server if the client does not set them', async () => {
    const { host, port, tls, connectTimeout, ...said } = targetOf(
      readConfig('sqlserver://h;applicationName=a;language=French;applicationIntent=ReadOnly').config,
    )
    const started = await proxies.start({ target: said })
    await proxies.loggedIn(started, { applicationName: '', language: '' })
    await proxies.loggedIn(started, { applicationName: 'own', language: 'German' })
    expect(proxies.server.logins.map(({ login }) => login)).toMatchObject([
      { applicationName: 'a', language: 'French', flags: [0xe0, 0x03, 0x20, 0x08] },
      { applicationName: 'own', language: 'German', flags: [0xe0, 0x03, 0x20, 0x08] },
    ])
  })

  it.each(['encrypted', 'strict'] as const)('works for a client that requires %s', async (how) => {
    const started = await proxies.start()
    const encrypt = how === 'strict' ? 'strict' : true
    const made = await proxies.client(started, { encrypt, tls: { ca: started.proxy.ca }, serverName: 'localhost' })
    expect(
      await made.logIn(loginFor(started.proxy, { tdsVersion: how === 'strict' ? 0x08000000 : 0x74000004 })),
    ).toMatchObject({
      kind: 'accepted',
    })
    expect(await made.ask()).toEqual(encodeDone(DoneStatus.FINAL))
    expect(proxies.server.logins[0]?.login.tdsVersion).toBe(0x74000004)
  })

  it('is refused with a remedy if the client’s TDS version has no Entra logins', async () => {
    const started = await proxies.start()
    const answer = await (await proxies.client(started)).logIn(loginFor(started.proxy, { tdsVersion: 0x72090002 }))
    expect(answer).toMatchObject({ message: { number: 18456, message: expect.stringContaining('tds version = 7.4') } })
    expect(started.proxy.stats().refused['tds-version']).toBe(1)
    expect(proxies.server.connections).toBe(0)
  })

  it('uses TDS 7.4 upstream for a client of TDS 7.3, which is told its own version', async () => {
    const started = await proxies.start()
    const made = await proxies.client(started)
    const answer = await made.logIn(loginFor(started.proxy, { tdsVersion: 0x730b0003 }))
    expect(proxies.server.logins[0]).toMatchObject({ login: { tdsVersion: 0x74000004 }, token: 'token-1' })
    if (answer.kind !== 'accepted') throw new Error('The login was refused.')
    const ack = answer.tokens.find(({ kind }) => kind === 'loginAck')
    expect(ack?.bytes.readUInt32BE(4)).toBe(0x730b0003)
    expect(await made.ask()).toEqual(encodeDone(DoneStatus.FINAL))
  })

  it('uses TDS 8 if the target is strict', async () => {
    const started = await proxies.start({ target: { encrypt: 'strict' } })
    const made = await proxies.client(started)
    await made.logIn(loginFor(started.proxy, { tdsVersion: 0x08000000 }))
    expect(proxies.server.logins[0]).toMatchObject({ login: { tdsVersion: 0x08000000 }, token: 'token-1' })
    expect(await made.ask()).toEqual(encodeDone(DoneStatus.FINAL))
  })

  it('follows redirects and verifies the certificate of each host', async () => {
    const second = await proxies.another({})
    const third = await proxies.another({})
    proxies.server.reply = () => ({ host: 'localhost', port: second.port })
    second.reply = () => ({ host: 'localhost', port: third.port })
    const ca = [proxies.server, second, third].map((each) => each.ca) as never
    const started = await proxies.start({ target: { tls: { ca } } })
    await proxies.loggedIn(started)
    expect(third.logins[0]).toMatchObject({ token: 'token-1', login: { database: 'app', serverName: 'localhost' } })
    expect(started.proxy.stats()).toMatchObject({ redirects: 2, sessions: 1 })
    await vi.waitFor(() =>
      expect([proxies.server.sockets.size, second.sockets.size, third.sockets.size]).toEqual([0, 0, 1]),
    )

    const strange = await proxies.start({ target: { tls: { ca: proxies.server.ca } } })
    expect(await (await proxies.client(strange)).logIn(loginFor(strange.proxy))).toMatchObject({
      message: { number: 50_000, message: expect.stringMatching(/certificate/) },
    })
    expect(second.logins).toHaveLength(1)
  })

  it('fails if the redirects form a loop', async () => {
    proxies.server.reply = () => ({ host: 'localhost', port: proxies.server.port })
    const started = await proxies.start()
    expect(await (await proxies.client(started)).logIn(loginFor(started.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringContaining('more than 10 times') },
    })
    expect(proxies.server.logins).toHaveLength(11)
  })
})
