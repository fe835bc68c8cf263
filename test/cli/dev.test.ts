import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { parseEnv } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { PrismaMssqlEntra } from '../../src/adapter.ts'
import { devCommand, type Keyboard } from '../../src/cli/dev-command.ts'
import type { PrismaMssqlEntraOptions } from '../../src/options.ts'
import type { Upstream } from '../../src/testing/gateway/upstream.ts'
import { sharedUpstream } from '../integration/shared-upstream.ts'
import { recordedOutput } from '../support/recorded-output.ts'
import type { RunningUpstream } from '../upstream.ts'

let upstream: RunningUpstream
beforeAll(async () => {
  upstream = await sharedUpstream()
}, 600_000)
afterAll(() => upstream?.close())

const running: { end(): Promise<unknown> }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(running.splice(0).map((each) => each.end().catch(() => {})))
})

function urlOf({ host, port, user, password, database, encrypt, trustServerCertificate }: Required<Upstream>): string {
  const tls = `encrypt=${encrypt};trustServerCertificate=${trustServerCertificate}`
  return `sqlserver://${host}:${port};user=${user};password={${password}};database=${database};${tls}`
}

/** The command in this process, with a keyboard. */
function start(given: Partial<Upstream> = {}, args: string[] = [], keyboard: Keyboard | undefined = terminal()) {
  const out = recordedOutput()
  const err = recordedOutput()
  let exitCode: number | undefined
  const environment = { DATABASE_URL: urlOf({ ...upstream.server, ...given }) }
  const context = {
    out: out.out,
    err: err.out,
    environment,
    setExitCode(code: number) {
      exitCode = code
    },
    outliveReader() {},
  }
  const command = devCommand(context, keyboard).exitOverride().configureOutput({ writeErr: err.out.write })
  const ended = command.parseAsync(args, { from: 'user' }).then(() => exitCode)
  ended.catch(() => {})
  const dev = {
    ended,
    out: out.text,
    err: err.text,
    press: (key: string) => (keyboard as PassThrough).write(key),
    shows: (text: RegExp) => vi.waitFor(() => expect(out.text()).toMatch(text), 60_000),
    /** The variables that it says to export. */
    async variables(): Promise<Record<string, string>> {
      await dev.shows(/ {2}export .*\n/)
      const [, line = ''] = / {2}export (.*)\n/.exec(out.text()) ?? []
      return Object.fromEntries(
        [...line.matchAll(/(\w+)='([^']*)'/g)].map(([, name, value]) => [name ?? '', value ?? '']),
      )
    },
    /** An adapter for that environment. MSAL keeps the first endpoint that it finds, so a function asks this one. */
    async connected(options?: PrismaMssqlEntraOptions): Promise<{ query(): Promise<unknown> }> {
      const variables = await dev.variables()
      const credential = () => tokenOf(variables)
      const adapter = await new PrismaMssqlEntra(
        variables.DATABASE_URL ?? '',
        options ?? { credential, onEvent() {} },
      ).connect()
      running.push({ end: () => adapter.dispose() })
      return {
        query: () => adapter.queryRaw({ sql: 'SELECT 1 AS one', args: [], argTypes: [] }).then(({ rows }) => rows),
      }
    },
    end() {
      dev.press('q')
      return ended
    },
  }
  running.push(dev)
  return dev
}

/** Asks the identity endpoint, as `@azure/identity` does. */
async function tokenOf({ IDENTITY_ENDPOINT, IDENTITY_HEADER = '' }: Record<string, string>): Promise<string> {
  const query = 'api-version=2019-08-01&resource=https://database.windows.net/'
  const answer = await fetch(`${IDENTITY_ENDPOINT}?${query}`, { headers: { 'X-IDENTITY-HEADER': IDENTITY_HEADER } })
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  return ((await answer.json()) as { access_token: string }).access_token
}

const terminal = () => Object.assign(new PassThrough(), { isTTY: true, setRawMode: vi.fn() })

describe('dev', () => {
  it('prints variables that let @azure/identity sign in, and a line for each token and login', async () => {
    const dev = start()
    for (const [name, value] of Object.entries(await dev.variables())) vi.stubEnv(name, value)
    const { query } = await dev.connected({})
    expect(await query()).toEqual([[1]])
    await dev.shows(/ ✓ A token for local-app, until \d\d:\d\d:\d\d\.\n/)
    await dev.shows(new RegExp(` \\+ A login of local-app, database ${upstream.server.database}\\.\\n`))
    expect(dev.out()).toContain('  q  quit')
    expect(dev.err()).toBe('')
    expect(dev.out()).not.toContain(upstream.server.password)
    expect(await dev.end()).toBe(0)
  })

  it('refuses the next login after f', async () => {
    const dev = start()
    await dev.variables()
    dev.press('f')
    await dev.shows(/ \* The next login is refused \(18456\)\./)
    await expect(dev.connected()).rejects.toMatchObject({ cause: { number: 18456 } })
    await dev.shows(/A login was refused: Login failed for user '<token-identified principal>'\. \(error 18456\)/)
    expect(await (await dev.connected()).query()).toEqual([[1]])
  })

  it('rejects all earlier tokens after e, and accepts new ones', async () => {
    const dev = start()
    const variables = await dev.variables()
    const old = [await tokenOf(variables)]
    await dev.connected()
    dev.press('e')
    await dev.shows(/All tokens have expired, and all sessions were cut/)
    const credential = async () => old.shift() ?? tokenOf(variables)
    const { query } = await dev.connected({ credential, onEvent() {} })
    expect(await query()).toEqual([[1]])
    await dev.shows(/A login was refused: .*Token is expired\. \(error 18456\)[\s\S]* A token for [\s\S]* A login of /)
  })

  it('pauses the database after p, until p is pressed again', async () => {
    const dev = start()
    await dev.variables()
    dev.press('p')
    await dev.shows(/The database is paused for 20 s/)
    const connecting = dev.connected()
    await dev.shows(/A login was refused: Database 'app' on server .* is not currently available.* \(error 40613\)/)
    dev.press('p')
    await dev.shows(/The database is available again/)
    expect(await (await connecting).query()).toEqual([[1]])
  })

  it('issues no tokens after t, until t is pressed again', async () => {
    const dev = start()
    await dev.variables()
    dev.press('t')
    await dev.shows(/The token endpoint is down/)
    const connecting = dev.connected()
    await dev.shows(/A request for a token was refused \(HTTP 503\)/)
    dev.press('t')
    await dev.shows(/The token endpoint is back/)
    expect(await (await connecting).query()).toEqual([[1]])
  })

  it('restores the terminal, and ends on Ctrl-C as on q', async () => {
    const keyboard = terminal()
    const dev = start({}, [], keyboard)
    await dev.shows(/q {2}quit/)
    expect(keyboard.setRawMode).toHaveBeenLastCalledWith(true)
    dev.press('\u0003')
    expect(await dev.ended).toBe(0)
    expect(keyboard.setRawMode).toHaveBeenLastCalledWith(false)
  })

  it('reads no keys without a terminal, and runs until a signal', async () => {
    const keyboard = new PassThrough()
    const dev = start({}, [], keyboard)
    await dev.shows(/Ctrl-C ends it/)
    expect(dev.out()).not.toContain('Keys:')
    expect(keyboard.listenerCount('data')).toBe(0)
    process.emit('SIGTERM', 'SIGTERM')
    expect(await dev.ended).toBe(0)
  })

  it.each<[string, () => Partial<Upstream>, RegExp]>([
    [
      'a wrong password',
      () => ({ password: 'wrong' }),
      /Login failed for user '\w+'\. \(error 18456, from 127\.0\.0\.1:\d+\)/,
    ],
    ['an unknown database', () => ({ database: 'nowhere' }), /Cannot open database "nowhere".* \(error 4060, from /],
    [
      'a server that does not listen',
      () => ({ port: 1 }),
      /cannot log in on the server behind it, \S+:1: connect ECONNREFUSED \S+ \(error 53, from /,
    ],
  ])('reports the answer of the server behind it: %s', async (_, given, said) => {
    const dev = start(given())
    await vi.waitFor(() => expect(dev.err()).toMatch(new RegExp(`No login will work yet: .*${said.source}`)), 30_000)
    await expect(dev.connected()).rejects.toThrow()
    await dev.shows(new RegExp(`A login was refused: .*${said.source}`))
    const [, number] = /error (\d+)/.exec(said.source) ?? []
    await expect(dev.connected()).rejects.toMatchObject({ cause: { number: Number(number) } })
  })

  it('writes the variables to a file that node --env-file reads, and overwrites no file of yours', async () => {
    const file = join(tmpdir(), `dev-${process.pid}.env`)
    try {
      const dev = start({}, ['--write-env', file])
      expect(parseEnv(await dev.variables().then(() => readFile(file, 'utf8')))).toEqual(await dev.variables())
      await dev.end()
      const again = start({}, ['--write-env', file])
      await again.shows(/Ctrl-C ends it/)
      await again.end()
      await writeFile(file, 'DATABASE_URL=mine\n')
      await expect(start({}, ['--write-env', file]).ended).rejects.toThrow(/it exists, and was not written by dev/)
      expect(await readFile(file, 'utf8')).toBe('DATABASE_URL=mine\n')
    } finally {
      await rm(file, { force: true })
    }
  })

  it('issues tokens with the lifetime of --token-lifetime', async () => {
    const dev = start({}, ['--token-lifetime', '90s'])
    const token = await tokenOf(await dev.variables())
    const { iat, exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(exp - iat).toBe(90)
    for (const wrong of ['60', '0s', '25h', '5 m']) {
      await expect(start({}, ['--token-lifetime', wrong]).ended).rejects.toThrow(/It must be 90s, 5m, 1h/)
    }
  })

  it('listens at the port that you name, and says so if that is taken', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const dev = start({}, ['--port', String(port)])
    expect(await dev.ended).toBe(1)
    expect(dev.err()).toContain(`Port ${port} is taken.`)
    await new Promise((resolve) => taken.close(resolve))
    const second = start({}, ['--port', String(port)])
    expect((await second.variables()).DATABASE_URL).toContain(`sqlserver://localhost:${port};`)
  })

  it.each([
    ['a server on Azure', { host: 'app.database.windows.net' }, 'CONFIG_CREDENTIALS', /connect to it directly/],
    ['a string without a login', { user: '' }, 'CONFIG_INVALID', /needs a SQL login/],
  ])('refuses %s', async (_, given, code, message) => {
    await expect(start(given).ended).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('says what to install if jose is missing', async () => {
    vi.doMock('jose', () => {
      throw new Error("Cannot find package 'jose'")
    })
    vi.resetModules()
    const { devCommand } = await import('../../src/cli/dev-command.ts')
    const { out } = recordedOutput()
    const environment = { DATABASE_URL: urlOf(upstream.server) }
    const command = devCommand({ out, err: out, environment, setExitCode() {}, outliveReader() {} }, terminal())
    await expect(command.parseAsync([], { from: 'user' })).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: expect.stringContaining('npm install --save-dev jose'),
    })
    vi.doUnmock('jose')
  })
})
