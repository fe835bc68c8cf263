import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { isConnectionString } from '../../src/cli/flags.ts'
import { useCommand } from './command.ts'
import { configFile, IMPORTS, makeProject } from './config-project.ts'

const command = useCommand()
const client = fileURLToPath(new URL('client.mjs', import.meta.url))
const node = process.execPath

const CTRL_C = '\u0003'

const ID = '11111111-2222-4333-8444-555555555555'
const SERVICE_PRINCIPAL = `authentication=ActiveDirectoryServicePrincipal;clientId=${ID};tenantId=${ID};clientSecret=my-secret`

const exec = (...args: string[]) => command.run('exec', '--url', command.azure.connectionString(), ...args)

beforeEach(() => {
  command.azure.gateway.clearFaults()
})

describe('exec', () => {
  it('gives a program that only supports a user and password a session with a token', async () => {
    command.azure.gateway.resetStats()
    const { out, err, code } = await exec('--', node, client, 'DATABASE_URL')
    expect(code, err).toBe(0)
    expect(JSON.parse(out)).toEqual([[command.azure.upstream.database, 42]])
    expect(command.azure.gateway.stats().logins).toBeGreaterThan(0)
  })

  it('sets the variable that --env names, and needs no -- before the command', async () => {
    const { out, code } = await exec('--env', 'MY_URL', '--format', 'ado.net', node, '-p', 'process.env.MY_URL')
    expect(code).toBe(0)
    expect(out).toMatch(/^Server=tcp:127\.0\.0\.1,\d+;Initial Catalog=".+";User ID=entra_\w+;Password=\w+;/)
  })

  it('passes on the shadow database, and the login for sqlcmd', async () => {
    const names = '["SHADOW_DATABASE_URL","SQLCMDSERVER","SQLCMDUSER","SQLCMDPASSWORD","SQLCMDDBNAME"]'
    const script = `JSON.stringify(${names}.map((name) => process.env[name]))`
    const { out } = await exec('--shadow-database', 'app_shadow', '--', node, '-p', script)
    const [shadow, server, user, password, database] = JSON.parse(out)
    expect(shadow).toContain(`sqlserver://${server.replace(',', ':')};database={app_shadow};`)
    expect(shadow).toContain(`user=${user};password=${password};`)
    expect(database).toBe(command.azure.upstream.database)
  })

  it('writes its authority to a file, and tells the command which', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ca-file-'))
    const file = join(folder, 'proxy.pem')
    const script = 'require("node:fs").readFileSync(process.env.PRISMA_MSSQL_ENTRA_CA_FILE, "utf8")'
    const { out, code } = await exec('--ca-file', file, '--', node, '-p', script)
    expect(code).toBe(0)
    expect(new X509Certificate(out)).toMatchObject({
      ca: true,
      subject: 'CN=prisma-adapter-mssql-entra loopback proxy',
    })
    await rm(folder, { recursive: true })
  })

  it.each([
    ['its exit code', ['-e', 'process.exitCode = 7'], 7],
    ['128 and the number of the signal that ended it', ['-e', 'process.kill(process.pid, "SIGKILL")'], 137],
  ])('exits with the command’s exit code: %s', async (_, args, code) => {
    expect(await exec('--', node, ...args)).toMatchObject({ code, out: '', err: '' })
  })

  it.each([
    ['no-such-command-anywhere', 127, /no-such-command-anywhere: not found/],
    [fileURLToPath(import.meta.url), 126, /exec\.test\.ts cannot be run/],
  ])('says why %s cannot be run', async (program, code, why) => {
    expect(await exec('--', program)).toMatchObject({ code, out: '', err: expect.stringMatching(why) })
  })

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('passes %s on to the command', async (signal) => {
    const script = `process.on('${signal}', () => { console.log('got it'); process.exit(3) }); setInterval(() => {}, 1e6); console.log('ready')`
    const running = command.start('exec', '--url', command.azure.connectionString(), '--', node, '-e', script)
    await vi.waitFor(() => expect(running.out).toContain('ready'), 60_000)
    running.process.kill(signal)
    expect(await running.ended).toBe(3)
    expect(running.out).toContain('got it')
  })

  it.skipIf(spawnSync('script', ['--version']).status !== 0)(
    'leaves Ctrl-C to the terminal, which sends it to the command too',
    async () => {
      const script = `
      let count = 0
      process.on('SIGINT', () => { count++; console.log('got it'); setTimeout(() => process.exit(10 + count), 500) })
      setInterval(() => {}, 1e6)
      console.log('ready')`
      const running = command.startOnTerminal(
        'exec',
        '--url',
        command.azure.connectionString(),
        '--',
        node,
        '-e',
        script,
      )
      await vi.waitFor(() => expect(running.out).toContain('ready'), 60_000)
      running.process.stdin?.write(CTRL_C)
      expect(await running.ended).toBe(11)
    },
  )

  it('ends when its command does, even while a credential is still busy', async () => {
    command.azure.authority.resetStats()
    command.azure.authority.inject({ hang: true })
    const target = command.azure.connectionString()
    const running = command.start('exec', '--url', target, '--', node, client, 'DATABASE_URL')
    try {
      await vi.waitFor(() => expect(command.azure.authority.stats().requests).toBeGreaterThan(0), 60_000)
      await vi.waitFor(() => expect(running.err).toMatch(/Waiting for a token, for \d+ s so far\./), 60_000)
      running.process.kill('SIGTERM')
      expect(await running.ended).toBe(143)
      expect(command.azure.authority.stats().requests).toBe(1)
    } finally {
      command.azure.authority.clearFaults()
    }
  })

  it('removes the original string from every variable, not only the one that the command reads', async () => {
    const withSecret = `sqlserver://h;database=d;${SERVICE_PRINCIPAL}`
    const environment = {
      DATABASE_URL: withSecret,
      AZURE_URL: ` ${withSecret}`,
      npm_lifecycle_script: `prisma-mssql-entra exec "${withSecret}" -- node`,
      BASE_URL: withSecret.slice(0, -1),
    }
    const running = command.startIn(environment, 'exec', '--env', 'MY_URL', '--', node, '-p', 'process.env')
    expect({ code: await running.ended, err: running.err }).toEqual({ code: 0, err: '' })
    expect(running.out).toContain('MY_URL')
    expect(running.out).not.toMatch(/my-secre|DATABASE_URL|AZURE_URL/)
  })

  it('warns of a secret on its command line', async () => {
    const url = `sqlserver://h;database=d;${SERVICE_PRINCIPAL}`
    const { err, out } = await command.run('exec', '--url', url, '--', node, '-p', '6 * 7')
    expect(out).toBe('42\n')
    expect(err).toMatch(/holds a secret: other users of this machine can see it/)
    expect(err).not.toContain('my-secret')
  })

  it('keeps Prisma from making a database on Azure whose name is misspelled', async () => {
    const url = 'sqlserver://app.database.windows.net;database=app;authentication=AzureCli'
    const master = `
      process.env.MASTER_URL = process.env.DATABASE_URL.replace('{app}', '{master}')
      process.argv[2] = 'MASTER_URL'
      import(${JSON.stringify(client)})`
    const { err, code } = await command.run('exec', '--url', url, '--', node, '-e', master)
    expect(code).toBe(1)
    expect(err).toMatch(/The server has no database "app"/)
  })

  it('keeps Prisma from making a shadow database on Azure, and says how to name one', async () => {
    const { port } = command.azure.gateway
    const url = `sqlserver://app.database.windows.net:${port};database=${command.azure.upstream.database};hostNameInCertificate=localhost`
    const onLoopback = `
      import dns from "node:dns"
      const { lookup } = dns
      dns.lookup = (name, ...rest) => lookup(name === "app.database.windows.net" ? "127.0.0.1" : name, ...rest)`
    const shadow = `
      import('mssql').then(async ({ default: mssql }) => {
        const pool = await mssql.connect(process.env.DATABASE_URL)
        await pool.request().batch('CREATE DATABASE [prisma_migrate_shadow_db_1]').catch((error) => {
          console.log(error.number, error.message)
        })
        await pool.close()
      })`
    const environment = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(onLoopback)}` }
    const args = ['exec', '--url', url, '--format', 'ado.net', '--', node, '-e', shadow]
    const running = command.startIn(environment, ...args)
    expect(await running.ended, running.err).toBe(0)
    expect(running.out).toMatch(/^50000 .*needs a shadow database[\s\S]*name it with --shadow-database/)
  })

  it('sets SHADOW_DATABASE_URL only if you name a shadow database', async () => {
    const url = 'sqlserver://app.database.windows.net;database=app;authentication=AzureCli'
    const { out } = await command.run('exec', '--url', url, '--', node, '-p', '"SHADOW_DATABASE_URL" in process.env')
    expect(out).toBe('false\n')
  })

  it('uses the string, sign-in, schema and shadow database of entraDatasource in prisma.config.ts', async () => {
    const folder = await makeProject({
      'prisma.config.ts': configFile(
        `process.env.TO_AZURE,
          { authentication: 'ActiveDirectoryManagedIdentity', schema: 'sales', shadowDatabase: 'app_shadow' }`,
        IMPORTS,
      ),
    })
    const script = `
      console.log(process.env.DATABASE_URL, process.env.SHADOW_DATABASE_URL, process.env.TO_AZURE)
      process.argv[2] = 'DATABASE_URL'
      import(${JSON.stringify(client)})`
    const running = command.startIn({ IN_FOLDER: folder }, 'exec', '--', node, '-e', script)
    expect(await running.ended, running.err).toBe(0)
    const [strings, rows = ''] = running.out.split('\n')
    expect(strings).toMatch(
      /^sqlserver:\/\/127\S+;schema=\{sales\};\S+ sqlserver:\/\/127\S+;database=\{app_shadow\};schema=\{sales\};\S+ undefined$/,
    )
    expect(JSON.parse(rows)).toEqual([[command.azure.upstream.database, 42]])
    await rm(folder, { recursive: true })
  })

  it('refuses a shadow database that is the main one', async () => {
    const result = await exec('--shadow-database', command.azure.upstream.database.toUpperCase(), '--', node, '-v')
    expect(result).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('--shadow-database is the database'),
    })
  })

  it('accepts the connection string before its command too', async () => {
    const { out, err } = await command.run('exec', command.azure.connectionString(), '--', node, '-p', '6 * 7')
    expect({ out, err }).toEqual({ out: '42\n', err: '' })
  })

  it('reads .env where prisma.config.ts would, and asks several credentials in order of preference', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'env-file-'))
    await mkdir(join(folder, 'prisma'))
    await writeFile(join(folder, '.env'), 'OTHER="kept"\nSET=no\n')
    await writeFile(join(folder, 'prisma', '.env'), 'DATABASE_URL="sqlserver://h;database=from_env"\n')
    const cli = ['exec', '--authentication', 'AzureCli,ActiveDirectoryManagedIdentity', '--', node, '-p']
    const script = '[process.env.OTHER, process.env.SET, process.env.DATABASE_URL].join(" ")'
    const running = command.startIn({ SET: 'yes', IN_FOLDER: folder }, ...cli, script)
    expect({ code: await running.ended, err: running.err }).toEqual({ code: 0, err: '' })
    expect(running.out).toMatch(/^kept yes sqlserver:\/\/127.*database=\{from_env\}/)
    await rm(folder, { recursive: true })
  })

  it('says why a sign-in failed, in addition to what the command prints', async () => {
    const message = "Client with IP address '192.0.2.1' is not allowed to access the server."
    command.azure.gateway.inject({ at: 'login', action: { refuse: { number: 40615, message } } })
    const { err, code } = await exec('--', node, client, 'DATABASE_URL')
    expect(code).toBe(1)
    expect(err).toMatch(/^prisma-mssql-entra: The server refused the login: .*\n.*blocks 192\.0\.2\.1/)
  })

  it.each([
    ['no connection string', ['exec', '--', node, '-v'], /There is no connection string/],
    [
      'a reference to Key Vault',
      ['exec', '@Microsoft.KeyVault(SecretUri=x)', '--', node, '-v'],
      /Key Vault.*not resolved/,
    ],
    ['a string without its beginning', ['exec', 'h:1433/app', node, '-v'], /Write the database as ;database=NAME/],
    ['a wrong one', ['exec', '--url', 'sqlserver://h:0', '--', node, '-v'], /port/],
    ['user and password', ['exec', '--url', 'sqlserver://h;user=sa;password=x', '--', node, '-v'], /sa|user/],
    ['an unknown format', ['exec', '--format', 'odbc', '--', node, '-v'], /choices are prisma, ado\.net, jdbc, uri/],
    ['no command', ['exec', '--url', 'sqlserver://h;database=d'], /missing required argument 'command'/],
  ])('refuses %s, and runs nothing', async (_, args, why) => {
    expect(await command.run(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(why) })
  })
})

it.each([
  ['sqlserver://h', true],
  [' jdbc:sqlserver://h', true],
  ['postgresql://u:p@h/app', true],
  ['"Server=h;Database=app"', true],
  ['Initial Catalog=app;Data Source=h', true],
  ['localhost:1433', true],
  ['npx', false],
  ['./run.sh', false],
  ['C:\\Program Files\\node.exe', false],
  ['/opt/a=b/run', false],
  ['@scope/tool', false],
])('exec takes %s for a connection string: %s', (word, wanted) => {
  expect(isConnectionString(word)).toBe(wanted)
})
