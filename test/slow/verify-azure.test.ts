import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { verifyPrisma } from '../../scripts/verify-azure/prisma.ts'
import type { Report } from '../../scripts/verify-azure/report.ts'
import { Scratch } from '../../scripts/verify-azure/scratch.ts'
import { StepRunner } from '../../scripts/verify-azure/steps.ts'
import { Subject } from '../../scripts/verify-azure/subject.ts'
import { verifyTokenEnd } from '../../scripts/verify-azure/tokens.ts'
import { type Gateway, startGateway } from '../../src/testing/gateway/gateway.ts'
import { openSqlLogin, type SqlLogin } from '../integration/sql-login.ts'
import { type LocalAzure, startLocalAzure } from '../local-azure.ts'
import { makeEngine } from '../prisma-config/cli.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** How every JSON Web Token begins: base64url of `{"`. */
const JSON_WEB_TOKEN = /eyJ[\w-]{8,}/

let azure: LocalAzure
/** As strict as the strictest server. */
let gateway: Gateway
let login: SqlLogin
let folder: string
/** The child's TMPDIR. */
let temporary: string
let engine: string
let url: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verify-azure-test-'))
  azure = await startLocalAzure()
  gateway = await startGateway({
    upstream: azure.upstream,
    verification: azure.authority.verification,
  })
  login = await openSqlLogin(azure.upstream)
  engine = await makeEngine(folder)
  await writeFile(join(folder, 'ca.pem'), gateway.ca)
  url = `sqlserver://localhost:${gateway.port};database=${azure.upstream.database}`
})
beforeEach(async () => {
  temporary = await mkdtemp(join(folder, 'temporary-'))
  gateway.resetStats()
  gateway.clearFaults()
})
afterAll(async () => {
  await login.close()
  await gateway.close()
  await azure.close()
  await rm(folder, { recursive: true })
})

type Child = ChildProcessByStdio<null, Readable, Readable>

function start(args: string[], variables: Record<string, string>): Child {
  const { NODE_OPTIONS: _, ...environment } = process.env
  return spawn(process.execPath, ['--import', 'tsx', 'scripts/verify-azure.ts', '--url', url, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...environment,
      ...azure.authority.environment('app-service'),
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
      TMPDIR: temporary,
      ...variables,
    },
  })
}

async function ended(child: Child) {
  const [[code], out, progress] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  expect(out + progress).not.toMatch(JSON_WEB_TOKEN)
  return { code, out, progress }
}

/** What a verification left behind: tables and files. */
async function left(): Promise<unknown[]> {
  const tables = await login.run(
    'SELECT TABLE_SCHEMA AS [schema], TABLE_NAME AS [table] FROM INFORMATION_SCHEMA.TABLES',
  )
  const files = await readdir(temporary)
  return [
    ...tables.filter(({ schema, table }) => /^verify_/.test(`${schema} ${table}`) || /^verify_/.test(`${table}`)),
    ...files.filter((name) => name.startsWith('verify-azure-')),
  ]
}

/** Prints nothing, and redacts nothing. */
const quietly = () =>
  new StepRunner(
    () => {},
    (note) => note,
    new AbortController().signal,
  )

const titled = (report: Report, title: string) => report.steps.filter((step) => step.title.startsWith(title))
const outcomes = (report: Report, title: string) => titled(report, title).map(({ outcome }) => outcome)

describe('npm run verify:azure', () => {
  it('passes every step on a strict local Azure, and leaves nothing behind', async () => {
    const shadow = `${azure.upstream.database}_shadow`
    await login.run(`CREATE DATABASE [${shadow}]`)
    const child = start(['--shadow', shadow, '--json'], { PRISMA_SCHEMA_ENGINE_BINARY: engine })
    const { code, out, progress } = await ended(child)
    const report: Report = JSON.parse(out)
    expect(
      report.steps.filter(({ outcome }) => outcome === 'fail'),
      progress,
    ).toEqual([])
    expect(report.steps.filter(({ outcome }) => outcome === 'skip')).toMatchObject([
      { title: 'work over the end of a token', note: 'not asked for (--hours 2)' },
    ])
    expect(code).toBe(0)
    for (const way of ['adapter', 'proxy', 'doctor']) expect(outcomes(report, `${way}, `)).toEqual(['pass', 'pass'])
    expect(titled(report, 'statements of 1 KB to 10 MB').map(({ note }) => /10 MB \d+ ms$/.test(note))).toEqual(
      Array.from({ length: 4 }, () => true),
    )
    expect(titled(report, 'bulk load')).toMatchObject([{ note: '2000 rows, 2 MB' }])
    expect(titled(report, 'prisma ')).toHaveLength(9)
    expect(report.facts).toMatchObject({
      server: 'localhost',
      version: '16.0.1000.0',
      edition: 'Local engine on PostgreSQL',
      'connection policy': 'proxy (no redirect)',
      token: expect.stringMatching(/^\d{4} characters, \d+\.\d min left$/),
      tedious: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    })
    expect(progress).toMatch(/^All of it happens in the schemas verify_[0-9a-f]{8} and /)
    expect(gateway.stats()).toMatchObject({ hungUp: {}, loginFailures: {} })
    expect(await left()).toEqual([])
    const inShadow = await openSqlLogin({ ...azure.upstream, database: shadow })
    expect(await inShadow.run('SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES')).toEqual([])
    await inShadow.close()
  })

  it('drops what it made if it is interrupted, and reports what it found', async () => {
    const child = start(['--json'], { PRISMA_SCHEMA_ENGINE_BINARY: engine })
    child.stderr.on('data', (data: Buffer) => {
      if (data.includes('✓ statements of 1 KB to 10 MB, adapter, TDS 7')) child.kill('SIGINT')
    })
    const { code, out } = await ended(child)
    const report: Report = JSON.parse(out)
    expect(outcomes(report, 'adapter, ')).toEqual(['pass', 'pass'])
    expect(titled(report, 'rotation by maxAge')).toMatchObject([{ outcome: 'skip', note: 'interrupted' }])
    expect(report.leftBehind).toEqual([])
    expect(await left()).toEqual([])
    // No step failed, but not all of them ran.
    expect(code).toBe(1)
  })

  it('reports in Markdown how every way in failed, with the codes, if the identity has no user', async () => {
    gateway.inject({
      at: 'login',
      action: { refuse: { number: 18456, message: "Login failed for user '<token-identified principal>'." } },
    })
    const { code, out } = await ended(start([], {}))
    expect(out).toMatch(/^### verify:azure\n\n\*\*1 passed|\*\*2 passed/)
    expect(out).toMatch(/^\| the driver alone, by token \| \*\*fail\*\* \| [\d.]+ s \| `18456` Login failed for user/m)
    expect(out).toMatch(/^\| adapter, TDS 7 \| \*\*fail\*\* \| .*PRINCIPAL_UNKNOWN/m)
    expect(out).toMatch(/^\| doctor, strict \| \*\*fail\*\* \| .*login: /m)
    expect(out).toMatch(/^\| all the rest \| skipped \| {2}\| adapter and proxy did not get in \|$/m)
    expect(out).toContain('&lt;token-identified principal>')
    expect(code).toBe(1)
    expect(await left()).toEqual([])
  })
})

describe('Prisma’s commands', () => {
  it('are skipped if their engine cannot be downloaded', async () => {
    vi.stubEnv('PRISMA_SCHEMA_ENGINE_BINARY', '')
    vi.stubEnv('PRISMA_ENGINES_MIRROR', 'http://127.0.0.1:1')
    const subject = new Subject(`${url};trustServerCertificate=true`)
    const scratch = new Scratch(subject)
    const steps = quietly()
    try {
      await verifyPrisma(steps, subject, scratch, 'TDS 7', undefined)
      expect(steps.results.map(({ outcome, note }) => `${outcome}: ${note}`)).toEqual([
        ...Array.from({ length: 10 }, () => 'skip: no schema engine'),
        'skip: no --shadow was named',
      ])
      expect(gateway.stats().connections).toBe(0)
    } finally {
      subject.setup.tokenSource.close()
      vi.unstubAllEnvs()
    }
  })
})

describe('the step over the end of a token', () => {
  it('works across it, and says how many hours to allow if the token lives longer', async () => {
    const short = await startLocalAzure({ tokenLifetime: 20_000 })
    for (const [name, value] of Object.entries(short.authority.environment('app-service'))) vi.stubEnv(name, value)
    const subject = new Subject(short.connectionString({ trustServerCertificate: 'true' }))
    const steps = quietly()
    try {
      await verifyTokenEnd(steps, subject, 'TDS 7', 0.000_1)
      await verifyTokenEnd(steps, subject, 'TDS 7', 0.02)
      expect(steps.results).toMatchObject([
        { outcome: 'skip', note: 'the token lives for 1 min more: --hours 2' },
        { outcome: 'pass', note: expect.stringMatching(/^\d+ statements, none failed; \d tokens, [1-9] rotations$/) },
      ])
    } finally {
      subject.setup.tokenSource.close()
      vi.unstubAllEnvs()
      await short.close()
    }
  })
})
