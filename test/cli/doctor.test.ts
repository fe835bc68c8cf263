import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { doctorCommand, exitCodeOf } from '../../src/cli/doctor-command.ts'
import { stepAsText } from '../../src/cli/doctor-report.ts'
import type { DiagnoseOptions } from '../../src/doctor/diagnose.ts'
import { STEPS, type StepResult } from '../../src/doctor/steps.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { usePractice } from '../doctor/support.ts'
import { NO_SUCH_HOST } from '../errors/provoke.ts'
import { useBundledProgram } from '../support/bundled-program.ts'
import { recordedOutput, silentContext } from '../support/recorded-output.ts'

const practice = usePractice()
const NOWHERE = `sqlserver://${NO_SUCH_HOST};database=app`
/** A connection string cannot name the authority of the gateway's certificate. */
const trusting = () => practice.azure.connectionString({ trustServerCertificate: 'true' })

async function doctor(
  args: string[],
  {
    environment = {},
    isTTY = false,
    defaults,
  }: { environment?: NodeJS.ProcessEnv; isTTY?: boolean; defaults?: DiagnoseOptions } = {},
) {
  let code: number | undefined
  const { out, text } = recordedOutput(isTTY)
  const context = { out, err: out, environment, setExitCode: (given: number) => (code = given), outliveReader() {} }
  const command = doctorCommand(context, defaults ?? { credential: practice.azure.credential() })
  await command
    .exitOverride()
    .configureOutput({ writeOut: out.write, writeErr: out.write })
    .parseAsync(args, { from: 'user' })
  return { out: text(), code }
}

beforeEach(() => {
  vi.stubEnv('TERM', 'xterm')
  for (const name of ['FORCE_COLOR', 'NO_COLOR']) vi.stubEnv(name, undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('doctor', () => {
  it('prints a line for each step, and exits with 0 if none failed', async () => {
    const { out, code } = await doctor([trusting()])
    const lines = out.split('\n')
    for (const title of Object.values(STEPS))
      expect(lines.filter((line) => line.slice(2).startsWith(title))).toHaveLength(1)
    expect(out).toMatch(/^! PRELOGIN and TLS .* ms {2}TLSv1\.2, certificate .* not verified/m)
    expect(out).toMatch(/^✓ Login +\d+ ms {2}accepted, no redirect$/m)
    expect(out).toContain('Of 13 steps: 1 with warnings.')
    expect(out).not.toContain('\u001b')
    expect(code).toBe(0)
  })

  it('shows what failed and how to fix it, and exits with 1', async () => {
    const { out, code } = await doctor([NOWHERE])
    expect(out).toMatch(/^✗ DNS +\d+ ms$/m)
    expect(out).toMatch(/^ {2}Check the host name of the server\./m)
    expect(out).toMatch(/^ {2}See .*docs\/errors\.md#server_not_found$/m)
    expect(out).toMatch(/^– TCP +needs DNS$/m)
    expect(out).toMatch(/^✓ Token /m)
    expect(code).toBe(1)
  })

  it('reads DATABASE_URL, and exits with 2 if the string is wrong', async () => {
    const { out, code } = await doctor([], { environment: { DATABASE_URL: 'sqlserver://h:0' } })
    expect(out).toMatch(/^✗ Connection string/)
    expect(code).toBe(2)
  })

  it('takes the connection string with --url, but not twice', async () => {
    expect((await doctor(['--url', 'sqlserver://h:0'])).code).toBe(2)
    await expect(doctor([NOWHERE, '--url', NOWHERE])).rejects.toThrow(/only one of these/)
  })

  it('asks several credentials in order of preference', async () => {
    const endpoint = practice.azure.authority.environment('app-service')
    for (const [name, value] of Object.entries(endpoint)) vi.stubEnv(name, value)
    const names = ['--authentication', 'ActiveDirectoryWorkloadIdentity, ActiveDirectoryManagedIdentity']
    const { out } = await doctor([NOWHERE, ...names], { defaults: {} })
    expect(out).toMatch(/^. Token .*by ManagedIdentityCredential/m)
  })

  it('signs in as the flags say', async () => {
    const endpoint = practice.azure.authority.environment('app-service')
    for (const [name, value] of Object.entries(endpoint)) vi.stubEnv(name, value)
    const { out } = await doctor([NOWHERE, '--authentication', 'ActiveDirectoryManagedIdentity'], { defaults: {} })
    expect(out).toMatch(/^✓ Token .*for "local-app", by ManagedIdentityCredential/m)
  })

  it('prints one JSON document with --json', async () => {
    const { out, code } = await doctor([NOWHERE, '--json'], { isTTY: true })
    const { ok, steps } = JSON.parse(out)
    expect([ok, code]).toEqual([false, 1])
    expect(steps.map(({ id }: { id: string }) => id)).toEqual(Object.keys(STEPS))
    for (const step of steps) {
      expect(Object.keys(step)).toEqual([
        'id',
        'title',
        'status',
        'durationMs',
        'summary',
        'details',
        'warnings',
        'error',
      ])
    }
    expect(steps[1]).toMatchObject({
      id: 'dns',
      title: 'DNS',
      status: 'failed',
      error: { code: 'SERVER_NOT_FOUND', number: null, state: null, message: expect.not.stringContaining('See node_') },
    })
    expect(steps[2]).toMatchObject({ status: 'skipped', summary: 'needs DNS', error: null })
  })

  it('shows everything that it found with --verbose', async () => {
    const shown = /^ {2}tenant id: 7e4a0000/m
    expect((await doctor([NOWHERE])).out).not.toMatch(shown)
    expect((await doctor([NOWHERE, '--verbose'])).out).toMatch(shown)
  })

  it('shows the current step on a terminal, and overwrites it', async () => {
    const { out } = await doctor([NOWHERE], { isTTY: true })
    const erase = '\r\u001b[2K'
    for (const title of ['Connection string', 'DNS', 'Token']) {
      expect(out).toContain(`\u001b[2m… ${title}\u001b[22m${erase}`)
    }
    expect(out).not.toContain('… TCP')
    expect(out).toContain('\u001b[31m✗\u001b[39m DNS')
  })

  it.each([
    ['no number', ['--timeout', 'soon'], /number of seconds/],
    ['no time', ['--timeout', '0'], /number of seconds/],
    ['an unknown flag', ['--colour'], /unknown option/],
    ['two strings', ['a', 'b'], /too many arguments/],
    ['no string', [], /There is no connection string/],
  ])('refuses %s', async (_, args, why) => {
    await expect(doctor(args)).rejects.toThrow(why)
  })

  it('prints help with examples and exit codes', async () => {
    const help: string[] = []
    const command = doctorCommand(silentContext())
    command.configureOutput({ writeOut: (text) => help.push(text) }).outputHelp()
    expect(help.join('')).toMatch(/--timeout[\s\S]*--json[\s\S]*Exit codes:[\s\S]*\$ prisma-mssql-entra doctor --json/)
  })
})

describe('the doctor process', () => {
  const main = useBundledProgram('src/cli/main.ts')
  /** With a credential that never answers, and keeps nothing open. */
  const child = useBundledProgram('test/cli/doctor.child.ts')

  const start = (...args: string[]) => run(child(), [trusting(), ...args])

  function run(program: string, args: string[], environment: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    const started = { out: '', err: '', child, ended: once(child, 'close') }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      started.out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      started.err += text
    })
    return started
  }

  it('is part of prisma-mssql-entra', async () => {
    const environment = { ...practice.azure.authority.environment('app-service'), DATABASE_URL: trusting() }
    const running = run(main(), ['doctor', '--authentication', 'ActiveDirectoryManagedIdentity'], environment)
    expect(await running.ended).toEqual([0, null])
    expect(running.out).toMatch(/^✓ Latency /m)
  })

  it('says what it is waiting for after two seconds', async () => {
    const running = start('--timeout', '5')
    expect(await running.ended).toEqual([1, null])
    expect(running.err).toContain('Waiting for Token, for ')
  })

  it('runs until its time is up', async () => {
    const running = start('--timeout', '2')
    expect(await running.ended).toEqual([1, null])
    expect(running.out).toMatch(/^✗ .*\n {2}doctor ran out of time after 2 s/m)
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('stops at %s, and shows what it has found', async (signal, code) => {
    const running = start()
    await vi.waitFor(() => expect(running.out).toContain('Entra logins'), 60_000)
    running.child.kill(signal)
    expect(await running.ended).toEqual([code, null])
    expect(running.out).toMatch(/^✓ TCP /m)
    expect(running.out).toMatch(/^– Token +stopped$/m)
    expect(running.out).not.toContain('✗')
  })
})

describe('the result of a step', () => {
  const result: StepResult = { id: 'login', status: 'failed', durationMs: 1.6, summary: '', details: {}, warnings: [] }
  const plain = recordedOutput().out

  it('is printed with its error, its warnings and, if it failed, its details', () => {
    const failed = {
      ...result,
      error: new Error('one\n  two'),
      details: { validTo: 'x', names: ['a', 'b'], none: undefined },
    }
    expect(stepAsText(failed, plain, false)).toBe(
      '✗ Login                  2 ms\n  one\n    two\n  valid to: x\n  names: a, b\n',
    )
  })

  it('is printed without control characters', () => {
    const evil = '\u001b[2J\u0007x'
    const said = { ...result, summary: evil, warnings: [evil], details: { evil }, error: new Error(evil) }
    expect(stepAsText(said, plain, true)).not.toMatch(/[^\P{Cc}\n]/u)
  })

  it.each<[string, Partial<StepResult>[], number]>([
    ['none failed', [{ status: 'ok' }, { status: 'warning' }, { status: 'skipped' }], 0],
    ['one failed', [{ status: 'ok' }, { error: new Error() }], 1],
    ['the string is wrong', [{ error: new EntraError('CONFIG_INVALID', 'x') }], 2],
  ])('sets the exit code if %s', (_, results, code) => {
    expect(exitCodeOf(results.map((each) => ({ ...result, ...each })))).toBe(code)
  })
})
