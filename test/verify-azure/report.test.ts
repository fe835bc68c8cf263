import { describe, expect, it } from 'vitest'
import { redactor, secretsOf } from '../../scripts/verify-azure/redact.ts'
import { asJson, asMarkdown, isGood, type Report, resultOf } from '../../scripts/verify-azure/report.ts'
import { firstLine, Skip, StepRunner } from '../../scripts/verify-azure/steps.ts'
import { EntraError } from '../../src/errors/entra-error.ts'

const never = new AbortController().signal

describe('the secrets that a report leaves out', () => {
  const url = 'sqlserver://myserver.database.windows.net;user=app;password={p;w};database=app'
  const redact = redactor(secretsOf(url), 'myserver.database.windows.net')

  it.each([
    ['Cannot open server "myserver" requested by the login.', 'Cannot open server "mys…" requested by the login.'],
    ['redirect to d4ad2b8d1234.tr77.westeurope1-a.worker.database.windows.net:11003', /^redirect to d4a…\.tr77\./],
    [
      'https://database.windows.net/ and https://login.windows.net/',
      'https://database.windows.net/ and https://login.windows.net/',
    ],
    ['tenant 8f14e45f-ceea-467f-a0d2-1c9bc2ef1a3b', 'tenant 8f14…'],
    ['eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln is no token', '(a token) is no token'],
    ['the secret is p;w, said the server', 'the secret is …, said the server'],
    ['Server=x;Password=hunter2;Database=y', 'Server=x;Password=…;Database=y'],
    ['Login failed for jane.doe@contoso.com', 'Login failed for (a person)'],
    ["Client with IP address '203.0.113.7' is not allowed", "Client with IP address '(an address)' is not allowed"],
    ['12.0.2000.8 on 127.0.0.1', '12.0.2000.8 on 127.0.0.1'],
  ])('%s', (text, expected) => {
    if (typeof expected === 'string') expect(redact(text)).toBe(expected)
    else expect(redact(text)).toMatch(expected)
  })

  it('are the passwords of any kind of connection string', () => {
    expect(secretsOf(url)).toEqual(['p;w'])
    expect(secretsOf('Server=tcp:a,1433;User ID=b;Password="c d";')).toEqual(['c d'])
    expect(secretsOf('jdbc:sqlserver://a;password=e')).toEqual(['e'])
  })
})

describe('a step', () => {
  const make = (stop: AbortSignal = never) => {
    const lines: string[] = []
    const steps = new StepRunner(
      (line) => lines.push(line),
      (text) => text.replaceAll('secret', '…'),
      stop,
    )
    return { steps, lines }
  }

  it('that fails is reported with its code and the first line that says something, and the next one runs', async () => {
    const { steps, lines } = make()
    const error = new EntraError('FIREWALL', 'The secret server\nis closed.')
    expect(await steps.run('one', () => Promise.reject(error))).toBeUndefined()
    expect(await steps.run('two', async () => ({ note: 'well', value: 42 }))).toBe(42)
    expect(steps.results).toMatchObject([
      { title: 'one', outcome: 'fail', code: 'FIREWALL', note: 'The … server' },
      { title: 'two', outcome: 'pass', note: 'well' },
    ])
    expect(lines.join('\n')).toMatch(/^… one\n✗ one \(0\.\d s\): FIREWALL: The … server\n… two\n✓ two .*: well$/)
  })

  it('that cannot run here is skipped with the reason', async () => {
    const { steps } = make()
    await steps.run('one', () => Promise.reject(new Skip('no engine')))
    expect(steps.results).toEqual([{ title: 'one', outcome: 'skip', durationMs: 0, note: 'no engine' }])
  })

  it('that does not end fails after its timeout, and one that is interrupted is skipped', async () => {
    const stop = new AbortController()
    const { steps } = make(stop.signal)
    await steps.run('slow', () => new Promise<string>(() => {}), 5)
    const running = steps.run('cut', () => new Promise<string>(() => {}))
    stop.abort()
    await running
    await steps.run('after', async () => 'never made')
    expect(steps.results).toMatchObject([
      { title: 'slow', outcome: 'fail', note: 'It had not ended after 0.005 s.' },
      { title: 'cut', outcome: 'skip', note: 'interrupted' },
      { title: 'after', outcome: 'skip', note: 'interrupted' },
    ])
  })

  it('that fails in Prisma Client is reported without its empty first lines', () => {
    expect(firstLine(new Error('\nInvalid `prisma.$queryRaw()` invocation:\n\n\nCan’t reach it'))).toBe(
      'Can’t reach it',
    )
    expect(firstLine(new Error(''))).toBe('It failed without a message.')
  })
})

describe('a report', () => {
  const report: Report = {
    facts: { server: 'mys….database.windows.net', version: '12.0.2000.8' },
    steps: [
      { title: 'adapter, TDS 7', outcome: 'pass', durationMs: 812.4, note: 'a | b' },
      { title: 'proxy, TDS 7', outcome: 'fail', durationMs: 90, note: "for '<principal>'\nand more", code: 'P1000' },
      { title: 'prisma validate', outcome: 'skip', durationMs: 0, note: 'no schema engine' },
    ],
    leftBehind: [],
  }

  it('is a Markdown table with a row for each step', () => {
    expect(asMarkdown(report)).toBe(`### verify:azure

**1 passed, 1 failed, 1 skipped.**

|  |  |
|---|---|
| server | mys….database.windows.net |
| version | 12.0.2000.8 |

| step | result | time |  |
|---|---|---|---|
| adapter, TDS 7 | pass | 0.8 s | a \\| b |
| proxy, TDS 7 | **fail** | 0.1 s | \`P1000\` for '&lt;principal>' and more |
| prisma validate | skipped |  | no schema engine |
`)
  })

  it('is not good if a step failed or something was left behind', () => {
    expect(isGood(report)).toBe(false)
    const well = { ...report, steps: report.steps.filter(({ outcome }) => outcome !== 'fail') }
    expect(isGood(well)).toBe(true)
    const left = { ...well, leftBehind: ['DROP SCHEMA IF EXISTS [verify_x];'] }
    expect(isGood(left)).toBe(false)
    expect(resultOf(left)).toBe('1 passed, 0 failed, 1 skipped, something was left behind.')
    expect(asMarkdown(left)).toContain('```sql\nDROP SCHEMA IF EXISTS [verify_x];\n```')
  })

  it('says the same as JSON', () => {
    expect(JSON.parse(asJson(report))).toMatchObject({
      ok: false,
      facts: report.facts,
      steps: [{ durationMs: 812 }, { code: 'P1000' }, { outcome: 'skip' }],
      leftBehind: [],
    })
  })
})
