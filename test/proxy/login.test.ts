import { describe, expect, it, vi } from 'vitest'
import { Feature } from '../../src/tds/features.ts'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { useDoors } from './doors.ts'
import { SPID } from './entra-server.ts'
import { loginFor } from './support.ts'

const doors = useDoors()

describe('a login', () => {
  it('is made upstream with the client’s own wishes, and a token instead of user and password', async () => {
    const door = await doors.open()
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
    await (await doors.client(door)).logIn(wishes)
    const [seen] = doors.server.logins
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
    await doors.loggedIn(await doors.open())
    expect(doors.server.logins[0]?.login.database).toBe('app')
  })

  it.each([true, false, undefined])('echoes what the server says of FEDAUTHREQUIRED: %s', async (fedAuthRequired) => {
    const other = await doors.another(fedAuthRequired === undefined ? {} : { fedAuthRequired })
    await doors.loggedIn(await doors.open({}, other))
    expect(other.logins[0]?.echo).toBe(fedAuthRequired ?? false)
  })

  it('is answered by the server’s own answer, less what the client did not ask for', async () => {
    const door = await doors.open()
    const answer = await (await doors.client(door)).logIn(
      loginFor(door.proxy, { packetSize: 8192, database: 'shadow' }),
    )
    expect(answer).toMatchObject({ kind: 'accepted', spid: SPID })
    const tokens = answer.kind === 'accepted' ? answer.tokens : []
    expect(tokens.map(({ kind }) => kind)).toEqual(['other', 'packetSize', 'loginAck', 'done'])
    expect(tokens[0]?.bytes.toString('utf16le', 5, 17)).toBe('shadow')
    const features = [{ id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }]
    const second = await (await doors.client(door)).logIn(loginFor(door.proxy, { features }))
    expect(second.kind === 'accepted' && second.tokens.find(({ kind }) => kind === 'features')).toMatchObject({
      features: [{ id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }],
    })
  })

  it.each(['encrypted', 'strict'] as const)('works for a client that wants it %s', async (how) => {
    const door = await doors.open()
    const encrypt = how === 'strict' ? 'strict' : true
    const made = await doors.client(door, { encrypt, ca: door.proxy.ca, serverName: 'localhost' })
    expect(
      await made.logIn(loginFor(door.proxy, { tdsVersion: how === 'strict' ? 0x08000000 : 0x74000004 })),
    ).toMatchObject({
      kind: 'accepted',
    })
    expect(await made.ask()).toEqual(encodeDone(DoneStatus.FINAL))
    expect(doors.server.logins[0]?.login.tdsVersion).toBe(0x74000004)
  })

  it('is refused to a client whose TDS has no Entra logins, with what to do', async () => {
    const door = await doors.open()
    const answer = await (await doors.client(door)).logIn(loginFor(door.proxy, { tdsVersion: 0x72090002 }))
    expect(answer).toMatchObject({ message: { number: 18456, message: expect.stringContaining('tds version = 7.4') } })
    expect(door.proxy.stats().refused['tds-version']).toBe(1)
    expect(doors.server.connections).toBe(0)
  })

  it('goes over TDS 8 where the target is strict', async () => {
    const door = await doors.open({ target: { encrypt: 'strict' } })
    const made = await doors.client(door)
    await made.logIn(loginFor(door.proxy, { tdsVersion: 0x08000000 }))
    expect(doors.server.logins[0]).toMatchObject({ login: { tdsVersion: 0x08000000 }, token: 'token-1' })
    expect(await made.ask()).toEqual(encodeDone(DoneStatus.FINAL))
  })

  it('follows redirects, and verifies the certificate of each host', async () => {
    const second = await doors.another({})
    const third = await doors.another({})
    doors.server.reply = () => ({ host: 'localhost', port: second.port })
    second.reply = () => ({ host: 'localhost', port: third.port })
    const ca = [doors.server, second, third].map((each) => each.ca) as never
    const door = await doors.open({ target: { ca } })
    await doors.loggedIn(door)
    expect(third.logins[0]).toMatchObject({ token: 'token-1', login: { database: 'app', serverName: 'localhost' } })
    expect(door.proxy.stats()).toMatchObject({ redirects: 2, sessions: 1 })
    await vi.waitFor(() =>
      expect([doors.server.sockets.size, second.sockets.size, third.sockets.size]).toEqual([0, 0, 1]),
    )

    const strange = await doors.open({ target: { ca: doors.server.ca } })
    expect(await (await doors.client(strange)).logIn(loginFor(strange.proxy))).toMatchObject({
      message: { number: 50_000, message: expect.stringMatching(/certificate/) },
    })
    expect(second.logins).toHaveLength(1)
  })

  it('is not sent round in circles', async () => {
    doors.server.reply = () => ({ host: 'localhost', port: doors.server.port })
    const door = await doors.open()
    expect(await (await doors.client(door)).logIn(loginFor(door.proxy))).toMatchObject({
      message: { number: 40613, message: expect.stringContaining('more than 10 times') },
    })
    expect(doors.server.logins).toHaveLength(11)
  })
})
