import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import type { LoopbackProxy } from '../../src/proxy/proxy.ts'
import { sharedUpstream } from '../integration/shared-upstream.ts'
import { type LocalAzure, startLocalAzure } from '../local-azure.ts'
import { startAzureProxy } from './azure-proxy.ts'

/** Debian's Python, whatever another one may be first in PATH. */
const PYTHON = '/usr/bin/python3'

const runs = (command: string, ...args: string[]) => spawnSync(command, args).status === 0
const MISSING = {
  freetds: runs('tsql', '-C') ? undefined : 'FreeTDS is not installed here: apt-get install freetds-bin',
  pytds: runs(PYTHON, '-c', 'import pytds, OpenSSL')
    ? undefined
    : 'pytds is not installed here: apt-get install python3-tds',
  pymssql: runs(PYTHON, '-c', 'import pymssql')
    ? undefined
    : 'pymssql is not installed here: apt-get install python3-pymssql',
  odbc: runs(PYTHON, '-c', 'import pyodbc; assert "FreeTDS" in pyodbc.drivers()')
    ? undefined
    : 'FreeTDS beneath unixODBC is not installed here: apt-get install tdsodbc python3-pyodbc',
  perl: runs('perl', '-e', 'use DBI; use DBD::Sybase')
    ? undefined
    : 'DBD::Sybase is not installed here: apt-get install libdbd-sybase-perl',
}
for (const missing of Object.values(MISSING)) if (missing) console.warn(`Skipped: ${missing}`)

const needs = (client: keyof typeof MISSING, context: TestContext) => context.skip(!!MISSING[client], MISSING[client])

let azure: LocalAzure
let proxy: LoopbackProxy
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'other-clients-'))
  azure = await startLocalAzure({ upstream: await sharedUpstream() })
  proxy = await startAzureProxy(azure)
  await writeFile(join(folder, 'ca.pem'), proxy.ca)
})
afterAll(async () => {
  await proxy.close()
  await azure.close()
  await rm(folder, { recursive: true })
})

interface Ended {
  code: number
  output: string
}

function run(command: string, args: string[], options: { env?: Record<string, string>; input?: string } = {}) {
  return new Promise<Ended>((resolve) => {
    const env = { ...process.env, ...options.env }
    const child = execFile(command, args, { env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr })
    })
    child.stdin?.on('error', () => {}).end(options.input ?? '')
  })
}

describe.each([
  ['off', 'none'],
  ['request', 'of the login'],
  ['require', 'of all'],
])('FreeTDS, encryption %s (%s)', (encryption) => {
  async function freetds(command: string, args: string[], input?: string, password = proxy.password) {
    const file = join(folder, `${encryption}.conf`)
    const lines = ['host = 127.0.0.1', `port = ${proxy.port}`, 'tds version = 7.4', `encryption = ${encryption}`]
    await writeFile(file, ['[proxy]', ...lines, '[global]', 'client charset = UTF-8', ''].join('\n'))
    const login = ['-S', 'proxy', '-U', proxy.user, '-P', password, '-D', azure.upstream.database]
    return run(command, [...args, ...login], { env: { FREETDSCONF: file }, ...(input !== undefined && { input }) })
  }

  it('tsql logs in and gets the answer to a query', async (context) => {
    needs('freetds', context)
    const { code, output } = await freetds(
      'tsql',
      ['-o', 'q'],
      "SELECT 41 + 1 AS answer, N'Grüße' AS greeting\nGO\nexit\n",
    )
    expect(output).toMatch(/42\tGrüße/)
    expect(code).toBe(0)
  })

  it('bsqldb runs a script', async (context) => {
    needs('freetds', context)
    const script = join(folder, 'script.sql')
    const table = `Other${encryption}`
    await writeFile(
      script,
      [
        `CREATE TABLE [${table}] ([id] INT PRIMARY KEY, [name] NVARCHAR(20))`,
        `INSERT INTO [${table}] VALUES (1, N'one'), (2, N'zwölf')`,
        `SELECT [name] FROM [${table}] WHERE [id] = 2`,
        `DROP TABLE [${table}]`,
      ].join('\n'),
    )
    const { code, output } = await freetds('bsqldb', ['-i', script])
    expect(output).toMatch(/zwölf/)
    expect(code).toBe(0)
  })

  it('freebcp copies rows into a table, and out again', async (context) => {
    needs('freetds', context)
    const table = `Copied${encryption}`
    const [script, rows, copied] = ['copy.sql', 'rows.txt', 'copied.txt'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    const text = Array.from({ length: 2_000 }, (_, i) => `${i}\trow ${i}\n`).join('')
    await writeFile(script, `CREATE TABLE [${table}] ([id] INT NOT NULL, [name] NVARCHAR(200))`)
    await writeFile(rows, text)
    await freetds('bsqldb', ['-i', script])
    // Of other sizes than the packets of the login.
    const { output } = await freetds('freebcp', [table, 'in', rows, '-c', '-A', '8000'])
    expect(output).toContain('2000 rows copied')
    await freetds('freebcp', [table, 'out', copied, '-c', '-A', '512'])
    expect(await readFile(copied, 'utf8')).toBe(text)
  })

  it('gets the reason for a refused login', async (context) => {
    needs('freetds', context)
    const { code, output } = await freetds('tsql', [], '', 'wrong')
    expect(output).toMatch(/Msg 18456.*\n?.*only accepts the user and password/)
    expect(code).not.toBe(0)
  })
})

describe('pytds', () => {
  const script = `
import os, pytds, sys
options = eval(sys.argv[1])
with pytds.connect('localhost', os.environ['DB'], os.environ['LOGIN'], os.environ['SECRET'], port=int(os.environ['PORT']), login_timeout=60, **options) as connection:
    with connection.cursor() as cursor:
        cursor.execute('SELECT APP_NAME(), %s, %s', (2 ** 40, 'Grüße'))
        print(cursor.fetchall())
    connection.rollback()
`
  it.for([
    ['without encryption', '{}'],
    ['with the login encrypted', "{'cafile': CA, 'enc_login_only': True}"],
    ['with all encrypted', "{'cafile': CA}"],
  ] as const)('%s logs in and gets the answer to a query', async ([, options], context) => {
    needs('pytds', context)
    const file = join(folder, 'client.py')
    await writeFile(file, script)
    const env = {
      DB: azure.upstream.database,
      LOGIN: proxy.user,
      SECRET: proxy.password,
      PORT: String(proxy.port),
      PYTHONIOENCODING: 'utf8',
    }
    const given = options.replace('CA', JSON.stringify(join(folder, 'ca.pem')))
    const { code, output } = await run(PYTHON, [file, given], { env })
    expect(output.trim()).toBe("[('pytds', 1099511627776, 'Grüße')]")
    expect(code).toBe(0)
  })
})

it('pyodbc prepares statements, and ends one transaction after the other', async (context) => {
  needs('odbc', context)
  const file = join(folder, 'odbc.py')
  await writeFile(
    file,
    `
import os, pyodbc
connection = pyodbc.connect(os.environ['STRING'])
connection.execute('CREATE TABLE Odbc (id INT PRIMARY KEY, name NVARCHAR(20))')
connection.commit()
for i in range(3):
    connection.execute('INSERT INTO Odbc VALUES (?, ?)', i, 'Grüße')
    if i == 1: connection.rollback()
    else: connection.commit()
print([tuple(row) for row in connection.execute('SELECT id, name FROM Odbc WHERE name = ?', 'Grüße')])
connection.execute('DROP TABLE Odbc')
connection.commit()
`,
  )
  const { host, port, user, password } = proxy
  const server = `DRIVER=FreeTDS;SERVER=${host};PORT=${port};TDS_Version=7.4;Encryption=require`
  const STRING = `${server};UID=${user};PWD=${password};DATABASE=${azure.upstream.database}`
  const { code, output } = await run(PYTHON, [file], { env: { STRING, PYTHONIOENCODING: 'utf8' } })
  expect(output.trim()).toBe("[(0, 'Grüße'), (2, 'Grüße')]")
  expect(code).toBe(0)
})

it('Perl’s DBD::Sybase, which reads 30 characters of a password, logs in', async (context) => {
  needs('perl', context)
  const { host, port, user, password } = proxy
  const script = 'use DBI; print DBI->connect(@ARGV)->selectrow_array("SELECT 42")'
  const source = `dbi:Sybase:host=${host};port=${port};database=${azure.upstream.database}`
  expect(await run('perl', ['-e', script, source, user, password])).toMatchObject({ code: 0, output: '42' })
})

describe('a login that fails', () => {
  const NO_DATABASE = 'Cannot open database "nowhere" requested by the login. The login failed.'
  // pytds tries again until its timeout.
  const CONNECT = {
    pymssql: `pymssql.connect('127.0.0.1', USER, SECRET, 'nowhere', port=PORT, login_timeout=20)`,
    pytds: `pytds.connect('127.0.0.1', 'nowhere', USER, SECRET, port=PORT, login_timeout=5)`,
    odbc: `pyodbc.connect(f'DRIVER=FreeTDS;SERVER=127.0.0.1;PORT={PORT};UID={USER};PWD={SECRET};DATABASE=nowhere;TDS_Version=7.4', timeout=20)`,
  } as const

  async function fails(client: keyof typeof CONNECT): Promise<Ended> {
    const file = join(folder, `fails-${client}.py`)
    const lines = [
      `import os, ${client === 'odbc' ? 'pyodbc' : client}`,
      "USER, SECRET, PORT = os.environ['LOGIN'], os.environ['SECRET'], int(os.environ['PORT'])",
      'try:',
      `    ${CONNECT[client]}`,
      'except Exception as error:',
      "    print(error, getattr(error, 'number', ''))",
    ]
    await writeFile(file, lines.join('\n'))
    const env = {
      LOGIN: proxy.user,
      SECRET: proxy.password,
      PORT: String(proxy.port),
      PYTHONIOENCODING: 'utf8',
      TDSVER: '7.4',
    }
    return run(PYTHON, [file], { env })
  }

  it.for(['pymssql', 'pytds', 'odbc'] as const)(
    'because the database is missing is reported by %s in the server’s words',
    async (client, context) => {
      needs(client, context)
      const fault = azure.gateway.inject({ at: 'login', action: { refuse: { number: 4060, message: NO_DATABASE } } })
      try {
        const { output } = await fails(client)
        expect(output).toContain(NO_DATABASE)
        expect(output).toContain(client === 'pytds' ? '' : '4060')
      } finally {
        fault.clear()
      }
    },
  )
})
