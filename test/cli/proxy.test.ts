import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PrismaMssql } from '@prisma/adapter-mssql'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { TdsVersion } from '../../src/tds/login7.ts'
import { loginFor, TdsClient } from '../proxy/support.ts'
import { type RunningCommand, useCommand } from './command.ts'

const command = useCommand()

beforeEach(() => {
  command.azure.gateway.clearFaults()
})

/** Connects as Prisma does, with user and password. */
async function query(url: string): Promise<void> {
  const adapter = await new PrismaMssql(url).connect()
  try {
    await adapter.queryRaw({ sql: 'SELECT 40 + 2 AS answer', args: [], argTypes: [] })
  } finally {
    await adapter.dispose()
  }
}

function lines(running: RunningCommand) {
  return running.out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

async function ready(running: RunningCommand) {
  await vi.waitFor(() => expect(running.out).toContain('\n'), 60_000)
  return lines(running)[0]
}

describe('proxy', () => {
  it('prints the login and each event as a line of JSON with --json', async () => {
    const running = command.start('proxy', command.azure.connectionString(), '--json')
    const proxy = await ready(running)
    expect(proxy).toMatchObject({
      type: 'ready',
      host: '127.0.0.1',
      database: command.azure.upstream.database,
      server: `localhost:${command.azure.gateway.port}`,
    })
    await query(proxy.url.prisma)
    await vi.waitFor(() => {
      const types = lines(running).map(({ type }) => type)
      expect(types).toContain('proxy.session-opened')
      expect(types.filter((type) => type === 'proxy.session-closed')).toHaveLength(2)
    })
    running.process.kill('SIGTERM')
    expect(await running.ended).toBe(0)
    expect(running.out + running.err).not.toMatch(/eyJ/)
  })

  it('writes its authority to a file, with which clients can verify it by name and by address', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ca-file-'))
    const file = join(folder, 'proxy.pem')
    const running = command.start('proxy', command.azure.connectionString(), '--json', '--ca-file', file)
    const { port, user, password, caFile } = await ready(running)
    expect(caFile).toBe(file)
    const ca = await readFile(file, 'utf8')
    for (const host of ['localhost', '127.0.0.1']) {
      for (const encrypt of [true, 'strict'] as const) {
        const client = await TdsClient.connect({ host, port }, { encrypt, tls: { ca } })
        const tdsVersion = encrypt === 'strict' ? TdsVersion.TDS_8_0 : TdsVersion.TDS_7_4
        expect(await client.logIn(loginFor({ user, password }, { tdsVersion }))).toMatchObject({ kind: 'accepted' })
        client.close()
      }
    }
    running.process.kill('SIGTERM')
    expect(await running.ended).toBe(0)
    await rm(folder, { recursive: true })
  })

  it('closes with an error if it cannot write its authority', async () => {
    const result = await command.run('proxy', command.azure.connectionString(), '--ca-file', '/no/such/folder/ca.pem')
    expect(result).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/--ca-file cannot be written: ENOENT/),
    })
  })

  it('prints the login, who connects and disconnects, and totals at the end', async () => {
    const running = command.start('proxy', command.azure.connectionString())
    await vi.waitFor(() => expect(running.out).toContain('Ctrl-C closes the proxy'), 60_000)
    const url = /prisma +(sqlserver:\S+)/.exec(running.out)?.[1] ?? ''
    await query(url)
    await expect(query(url.replace(/password=\w+/, 'password=wrong'))).rejects.toThrow(/loopback proxy|Login failed/)
    const message = "Client with IP address '192.0.2.1' is not allowed to access the server."
    command.azure.gateway.inject({ at: 'login', action: { refuse: { number: 40615, message } } })
    await expect(query(url)).rejects.toThrow()
    await vi.waitFor(() => {
      expect(running.out).toMatch(/\d\d:\d\d:\d\d \+ #1 .+, database .+ \(1 open\)/)
      expect(running.out).toMatch(/ - #\d after [\d.]+ s, .+ in, .+ out \(0 open\)/)
      expect(running.out).toContain('refused: not the user and password of this proxy')
      expect(running.out).toMatch(/! The server refused the login: [\s\S]*blocks 192\.0\.2\.1/)
    })
    running.process.kill('SIGINT')
    expect(await running.ended).toBe(0)
    expect(running.out).toMatch(/\nClosed: \d sessions; .* in, .* out; \d failed to sign in; \d refused\.\n$/)
    expect(running.out).not.toContain('\u001b')
  })

  it('signs in once at its start, says as whom, and closes with its process', async () => {
    command.azure.authority.resetStats()
    command.azure.gateway.resetStats()
    const running = command.start('proxy', command.azure.connectionString())
    const line = /✓ Signed in as (.+), database (\S+)\.\n/
    await vi.waitFor(() => expect(running.out).toMatch(line), 60_000)
    const [, principal = '', database] = line.exec(running.out) ?? []
    expect(principal).not.toBe('the identity that signs in')
    expect(database).toBe(command.azure.upstream.database)
    const [, port] = /port +(\d+)/.exec(running.out) ?? []
    running.process.kill('SIGTERM')
    expect(await running.ended).toBe(0)
    expect(command.azure.authority.stats().requests).toBe(1)
    expect(command.azure.gateway.stats()).toMatchObject({ logins: 1, sessionsOpen: 0 })
    await expect(
      new Promise((resolve, reject) =>
        connect(Number(port), '127.0.0.1').once('connect', resolve).once('error', reject),
      ),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('reports a first sign-in that fails, with the remedy, and is ready once a client has signed in', async () => {
    const message = "Client with IP address '192.0.2.1' is not allowed to access the server."
    command.azure.gateway.inject({ at: 'login', action: { refuse: { number: 40615, message } } })
    const running = command.start('proxy', command.azure.connectionString(), '--health-port', '0')
    await vi.waitFor(
      () => expect(running.out).toMatch(/! The server refused the login: [\s\S]*Trying again until a login works/),
      60_000,
    )
    expect(running.out).toMatch(/blocks 192\.0\.2\.1/)
    const [address = ''] = /http:\S+/.exec(running.err) ?? []
    const response = await fetch(address)
    expect([response.status, await response.text()]).toEqual([503, expect.stringMatching(/blocks 192\.0\.2\.1/)])
    command.azure.gateway.clearFaults()
    await query(/prisma +(sqlserver:\S+)/.exec(running.out)?.[1] ?? '')
    expect((await fetch(address)).status).toBe(200)
    running.process.kill('SIGTERM')
    expect(await running.ended).toBe(0)
  })

  it('keeps its login in a file, so that a saved connection works after a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'password-file-'))
    const flags = ['--user', 'me', '--password-file', join(folder, 'password'), '--port', '0', '--json']
    const logins = []
    for (let start = 0; start < 2; start++) {
      const running = command.start('proxy', command.azure.connectionString(), ...flags)
      const { user, password, url } = await ready(running)
      logins.push([user, password])
      await query(url.prisma)
      running.process.kill('SIGTERM')
      expect(await running.ended).toBe(0)
    }
    expect(logins[0]).toEqual(['me', expect.stringMatching(/^\w{30}$/)])
    expect(logins[1]).toEqual(logins[0])
    await rm(folder, { recursive: true })
  })

  it('writes no escape that a client sends in its name', async () => {
    const running = command.start('proxy', command.azure.connectionString())
    await vi.waitFor(() => expect(running.out).toContain('Ctrl-C closes'), 60_000)
    const url = new URL(/mssql:\S+/.exec(running.out)?.[0] ?? '')
    const port = Number(url.port)
    const tds = await TdsClient.connect({ host: '127.0.0.1', port })
    const login = { user: url.username, password: url.password }
    await tds.logIn(loginFor(login, { applicationName: 'evil\u001b[2J\u009b1m' }))
    tds.close()
    await vi.waitFor(() => expect(running.out).toContain('+ #1 evil [2J 1m'), 60_000)
    expect(running.out).not.toMatch(/[^\P{Cc}\n]/u)
    running.process.kill('SIGTERM')
    await running.ended
  })

  it('serves its health on another port, and says so if that port is taken', async () => {
    const running = command.start('proxy', command.azure.connectionString(), '--json', '--health-port', '0')
    const { port } = await ready(running)
    const [address = ''] = /http:\S+/.exec(running.err) ?? []
    await vi.waitFor(async () => expect((await fetch(address)).status).toBe(200), 60_000)
    const taken = ['--health-port', String(port)]
    const result = await command.run('proxy', command.azure.connectionString(), ...taken)
    expect(result).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/--health-port \d+ cannot be used/) })
    running.process.kill('SIGTERM')
    expect(await running.ended).toBe(0)
  })

  it('says so if the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const result = await command.run('proxy', command.azure.connectionString(), '--port', String(port))
    server.close()
    expect(result).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/Port \d+ is taken.*--port/) })
  })
})
