import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type EntraDatasourceOptions, entraDatasource } from '../../src/prisma-config.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { type EntraServer, startEntraServer } from '../proxy/entra-server.ts'
import { CountingCredential, loginFor, TdsClient } from '../proxy/support.ts'
import { useBundledProgram } from '../support/bundled-program.ts'
import { readUrl } from '../support/sqlserver-url.ts'

const AZURE = 'sqlserver://example.database.windows.net;database=app'

afterEach(() => {
  vi.restoreAllMocks()
})

function tokenSource(): TokenSource {
  return new TokenSource(new CountingCredential(), { scope: 'scope' })
}

/** A login by a connection string, as the engine makes it. */
async function logIn(url: string) {
  const { host, port, value } = readUrl(url)
  const client = await TdsClient.connect({ host, port })
  try {
    return await client.logIn(
      loginFor({ user: value('user'), password: value('password') }, { database: value('database') }),
    )
  } finally {
    client.close()
  }
}

/** A config of `mssql` for a server of this machine. */
const configOf = ({ port, ca }: EntraServer) => ({
  server: 'localhost',
  port,
  database: 'app',
  options: { cryptoCredentialsDetails: { ca } },
})

const module = useBundledProgram('src/prisma-config.ts')

describe('entraDatasource', () => {
  it('gives connection strings for user and password on loopback', async () => {
    const { url = '', shadowDatabaseUrl } = await entraDatasource(`${AZURE};schema=sales`, {
      shadowDatabase: 'app_shadow',
    })
    const wanted = (name: string) =>
      new RegExp(
        `^sqlserver://127\\.0\\.0\\.1:\\d+;database=\\{${name}\\};schema=\\{sales\\};user=\\w+;password=\\w+;encrypt=DANGER_PLAINTEXT;`,
      )
    expect(url).toMatch(wanted('app'))
    expect(shadowDatabaseUrl).toMatch(wanted('app_shadow'))
  })

  it('passes on the timeouts and limits in the string, and warns about those that it cannot', async () => {
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const said = `${AZURE};socketTimeout=30000;poolTimeout=20;connectionLimit=3;isolationLevel=SERIALIZABLE;packetSize=8192`
    const { url = '', shadowDatabaseUrl = '', close } = await entraDatasource(said, { shadowDatabase: 'app_shadow' })
    await close()
    for (const each of [url, shadowDatabaseUrl]) {
      expect(each).toMatch(/;socketTimeout=30;connectionLimit=3;poolTimeout=20;isolationLevel=SERIALIZABLE$/)
    }
    expect(told.mock.calls.flat().join('')).toMatch(/cannot pass on packetSize, which/)
  })

  it('gives Prisma no property that Prisma does not know', async () => {
    const datasource = await entraDatasource(AZURE, { shadowDatabase: 'app_shadow' })
    expect(Reflect.ownKeys(datasource)).toEqual(['url', 'shadowDatabaseUrl'])
    await datasource.close()
  })

  it('makes the engine encrypt if asked to, and verify the proxy with a file that only this user can read', async () => {
    const server = await startEntraServer()
    const credential = new CountingCredential()
    const { url = '', close } = await entraDatasource(configOf(server), { credential, encrypt: true })
    const { host, port, value } = readUrl(url)
    expect(value('encrypt')).toBe('true')
    const file = value('trustServerCertificateCA')
    expect(file).toMatch(/\.pem$/)
    expect(statSync(file).mode & 0o077).toBe(0)
    expect(statSync(dirname(file)).mode & 0o077).toBe(0)
    const client = await TdsClient.connect({ host, port }, { encrypt: true, tls: { ca: readFileSync(file) } })
    const login = loginFor({ user: value('user'), password: value('password') })
    expect(await client.logIn(login)).toMatchObject({ kind: 'accepted' })
    client.close()
    await close()
    await server.close()
  })

  it.each([
    ['it ends', 'process.exitCode = 3', 3],
    ['it exits', 'process.exit(4)', 4],
    ['SIGTERM ends it', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1e6)', 'SIGTERM'],
    [
      'it ends by itself after SIGINT',
      'process.on("SIGINT", () => process.exit(5)); process.kill(process.pid, "SIGINT"); setInterval(() => {}, 1e6)',
      5,
    ],
  ])('leaves no file behind when %s', async (_, ending, wanted) => {
    const script = `
      import { entraDatasource } from ${JSON.stringify(module())}
      const { url } = await entraDatasource('${AZURE}', { authentication: 'AzureCli', encrypt: true, shadowDatabase: 's' })
      console.log(url)
      ${ending}`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script])
    const [out, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    expect(code ?? signal).toBe(wanted)
    const file = readUrl(out.trim()).value('trustServerCertificateCA')
    expect(file).not.toBe('')
    expect(existsSync(dirname(file))).toBe(false)
  })

  it.each([
    ['migrate', undefined, /DATABASE_URL.*does not load \.env/],
    ['migrate', '', /DATABASE_URL.*does not load \.env/],
    ['generate', undefined, /^$/],
  ])('is empty for %s where a variable is not set (%j), and says so if that matters', async (command, config, said) => {
    const { argv } = process
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    process.argv = [...argv.slice(0, 2), command]
    try {
      expect(await entraDatasource(config, { shadowDatabase: 'app_shadow' })).toEqual({})
      expect(write.mock.calls.join('')).toMatch(said)
    } finally {
      process.argv = argv
    }
  })

  it('starts one proxy, however often it is called with the same arguments', async () => {
    const listeners = () => ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => process.listenerCount(name))
    const before = listeners()
    const target = 'sqlserver://one.example;database=app'
    const calls = await Promise.all(Array.from({ length: 20 }, () => entraDatasource(target, { encrypt: true })))
    expect(new Set(calls.map(({ url }) => url)).size).toBe(1)
    const other = await entraDatasource(target, { encrypt: true, schema: 'other' })
    expect(readUrl(other.url ?? '').port).not.toBe(readUrl(calls[0]?.url ?? '').port)
    expect(listeners()).toEqual(before.map((count) => count + 1))
    await Promise.all([other.close(), ...calls.map((each) => each.close())])
    expect(listeners()).toEqual(before)
  })

  it('does not share a proxy between credentials, though they look alike', async () => {
    const open = () => entraDatasource(AZURE, { credential: new CountingCredential() })
    const [one, two] = await Promise.all([open(), open()])
    expect(one.url).not.toBe(two.url)
    await Promise.all([one.close(), two.close()])
  })

  it('can be closed, and then starts another proxy', async () => {
    const datasource = await entraDatasource(`${AZURE};schema=closed`, { encrypt: true })
    const url = datasource.url ?? ''
    const file = readUrl(url).value('trustServerCertificateCA')
    await datasource.close()
    await datasource.close()
    expect(existsSync(dirname(file))).toBe(false)
    const { host, port } = readUrl(url)
    await expect(TdsClient.connect({ host, port })).rejects.toThrow(/ECONNREFUSED/)
    const next = await entraDatasource(`${AZURE};schema=closed`, { encrypt: true })
    expect(next.url).not.toBe(url)
    expect(Object.keys(next)).not.toContain('close')
    await next.close()
    await (await entraDatasource(undefined)).close()
  })

  it('leaves nothing open if a name cannot be passed on', async () => {
    const before = process.listenerCount('exit')
    await expect(entraDatasource(AZURE, { encrypt: true, shadowDatabase: 'a}b' })).rejects.toThrow(/must not contain/)
    expect(process.listenerCount('exit')).toBe(before)
  })

  it.each<[string, string, EntraDatasourceOptions, RegExp]>([
    ['a shadow database that is the main one', AZURE, { shadowDatabase: 'APP' }, /would empty it/],
    ['a shadow database without a name', AZURE, { shadowDatabase: ' ' }, /must be the name/],
    ['a shadow database that is the main one but for spaces', AZURE, { shadowDatabase: ' app ' }, /would empty it/],
    ['a schema without a name', AZURE, { schema: '' }, /must be the name/],
    ['no database', 'sqlserver://h', {}, /names no database/],
    [
      'a credential beside a token source',
      AZURE,
      { credential: new CountingCredential(), tokenSource: tokenSource() },
      /either tokenSource or credential/,
    ],
    ['user and password', `${AZURE};user=sa;password=x`, {}, /remove user, password/],
    ['a name that a connection string cannot hold', AZURE, { shadowDatabase: 'a}b' }, /must not contain/],
  ])('refuses %s', async (_, config, options, message) => {
    await expect(entraDatasource(config, options)).rejects.toThrow(message)
  })

  it.each([
    [
      'sqlserver://localhost;database=app;user=sa;password=x',
      'sqlserver://localhost;database={app_shadow};user=sa;password=x',
    ],
    [
      'sqlserver://localhost;user=sa;password={;database=x}',
      'sqlserver://localhost;user=sa;password={;database=x};database={app_shadow}',
    ],
  ])('names the shadow database in a string with a password, too: %s', async (url, shadowDatabaseUrl) => {
    expect(await entraDatasource(url, { shadowDatabase: 'app_shadow' })).toEqual({ url, shadowDatabaseUrl })
    expect(await entraDatasource(url)).toEqual({ url })
  })

  it('signs in with the credential, with any config that the adapter accepts', async () => {
    const server = await startEntraServer()
    const credential = new CountingCredential()
    const config = configOf(server)
    const { url = '' } = await entraDatasource(config, { credential })
    expect(credential.requests).toBe(0)
    expect(await logIn(url)).toMatchObject({ kind: 'accepted' })
    expect(server.logins[0]).toMatchObject({ token: 'token-1', login: { database: 'app' } })
    await server.close()
  })

  it.each([18456, 4060, 40615])('says on stderr what Prisma does not show of error %i', async (number) => {
    const server = await startEntraServer({ reply: () => ({ refuse: number, message: 'No.' }) })
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const config = configOf(server)
    const { url = '' } = await entraDatasource(config, { credential: new CountingCredential() })
    expect(await logIn(url)).toMatchObject({ message: { number } })
    const text = stderr.mock.calls.map(([chunk]) => String(chunk)).join('')
    expect(text).toMatch(/^prisma-adapter-mssql-entra: The server refused the login: No\.[\s\S]*\n.*errors\.md#.*\n$/)
    await server.close()
  })

  it('says on stderr, a line each time, what it waits for while a database is not available yet', async () => {
    let logins = 0
    const server = await startEntraServer({
      reply: () => (++logins <= 2 ? { refuse: 40613, message: 'Database app is not currently available.' } : 'accept'),
    })
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const config = configOf(server)
    const { url = '' } = await entraDatasource(config, {
      credential: new CountingCredential(),
      timing: { connectRetryInterval: 20 },
    })
    expect(await logIn(url)).toMatchObject({ kind: 'accepted' })
    expect(stderr.mock.calls.map(([chunk]) => String(chunk))).toEqual(
      [2, 3].map((attempt) =>
        expect.stringMatching(
          new RegExp(
            `^prisma-adapter-mssql-entra: .*not currently available.* Waiting 1 s before attempt ${attempt}\\.\\n$`,
          ),
        ),
      ),
    )
    await server.close()
  })

  it.each([
    ['app.database.windows.net', 'refused'],
    ['localhost', 'accepted'],
  ])('lets Prisma make the database itself only where it costs nothing: %s', async (host, kind) => {
    const server = await startEntraServer()
    const credential = new CountingCredential()
    const config = { ...configOf(server), server: host, database: 'misspelt' }
    const { url = '' } = await entraDatasource(config, { credential })
    const answer = await logIn(url.replace('{misspelt}', '{master}'))
    expect(answer.kind).toBe(kind)
    if (kind === 'refused') {
      expect(answer).toMatchObject({ message: { number: 50_000, message: expect.stringContaining('"misspelt"') } })
      expect(credential.requests).toBe(0)
    }
    await server.close()
  })
})
