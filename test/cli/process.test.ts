import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { reflowed, say } from '../../src/cli/process.ts'
import { printable, printableJson, wrapped } from '../../src/errors/wording.ts'
import { loginFor, TdsClient } from '../proxy/support.ts'
import { bundleCli } from '../support/bundled-program.ts'
import { recordedOutput } from '../support/recorded-output.ts'

beforeEach(() => {
  for (const name of ['FORCE_COLOR', 'NO_COLOR']) vi.stubEnv(name, undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('the output', () => {
  it.each([
    ['is coloured on a terminal', true, undefined, true],
    ['has no colours in a pipe', false, undefined, false],
    ['is coloured in a pipe if FORCE_COLOR is set', false, '1', true],
    ['has no colours on a terminal if FORCE_COLOR is 0', true, '0', false],
  ])('%s', (_, isTTY, forceColour, coloured) => {
    vi.stubEnv('FORCE_COLOR', forceColour)
    const { out } = recordedOutput(isTTY)
    expect(out.style('red', 'x')).toBe(coloured ? '\u001b[31mx\u001b[39m' : 'x')
  })

  it('is not overwritten on a dumb terminal', () => {
    vi.stubEnv('TERM', 'xterm')
    expect(recordedOutput(true).out.rewritable).toBe(true)
    vi.stubEnv('TERM', 'dumb')
    expect(recordedOutput(true).out.rewritable).toBe(false)
  })
})

describe('a message', () => {
  const EVIL = 'a\u001b[2Jb\u0007\u009b1m\rc\u202ed'

  it('is printed without escapes and marks that move text', () => {
    expect(printable(`${EVIL}\ne`)).toBe('a [2Jb  1m c d\ne')
    const { out: err, text } = recordedOutput()
    say({ err }, EVIL)
    expect(text()).toBe('prisma-mssql-entra: a [2Jb  1m c d\n')
  })

  it('can be JSON without control characters, with its full text', () => {
    const text = printableJson({ EVIL })
    expect(text).not.toMatch(/\p{Cc}/u)
    expect(JSON.parse(text)).toEqual({ EVIL })
  })

  it('is wrapped at words on a terminal, except for lines to be copied', () => {
    expect(wrapped('one two three\n  CREATE USER [x]\nfour', 8)).toBe('one two\nthree\n  CREATE USER [x]\nfour')
    expect(wrapped('unbreakable-word and more', 8)).toBe('unbreakable-word\nand more')
    expect(wrapped('one two three', Number.POSITIVE_INFINITY)).toBe('one two three')
    const { out: err, text } = recordedOutput(true)
    say({ err: { ...err, width: 30, style: (_, shown) => shown } }, 'one two three four')
    expect(text()).toBe('prisma-mssql-entra: one two\nthree four\n')
  })
})

it('breaks the paragraphs of a help text at the width of the terminal, and leaves its lists and examples', () => {
  const text = 'one two\nthree\n\nExamples:\n  $ a long example\n  $ another\n'
  expect(reflowed(text, 8)).toBe('one two\nthree\n\nExamples:\n  $ a long example\n  $ another\n')
  expect(reflowed(text, 80)).toBe('one two three\n\nExamples:\n  $ a long example\n  $ another\n')
})

describe('a command whose reader has gone away', () => {
  let cli: Awaited<ReturnType<typeof bundleCli>>
  beforeAll(async () => {
    cli = await bundleCli()
  })
  afterAll(() => cli.remove())
  const TARGET = 'sqlserver://localhost;database=app;authentication=AzureCli'

  /** Runs the command, and closes the reading end of a stream before anything is written to it. */
  async function withoutReader(stream: 'stdout' | 'stderr', ...args: string[]) {
    const child = spawn(process.execPath, [cli.main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const written = { stdout: '', stderr: '' }
    child.stdout.on('data', (data) => (written.stdout += data))
    child.stderr.on('data', (data) => (written.stderr += data))
    child[stream].destroy()
    const [code] = await once(child, 'close')
    return { ...written, code }
  }

  it.each([
    ['proxy --help', ['proxy', '--help']],
    ['--help', ['--help']],
    ['--version', ['--version']],
    ['doctor', ['doctor', 'sqlserver://localhost:0']],
  ])('ends quietly: %s', async (_, args) => {
    expect(await withoutReader('stdout', ...args)).toEqual({ stdout: '', stderr: '', code: 141 })
  })

  it.each([[[]], [['--json']]])('keeps running if it is a proxy, until it is told to end: %j', async (flags) => {
    const args = [cli.main, 'proxy', TARGET, ...flags]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'close')
    const [first] = await once(child.stdout, 'data')
    child.stdout.destroy()
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(String(first))?.[1])
    for (let i = 0; i < 3; i++) {
      // It refuses each of these logins, and would say so.
      const client = await TdsClient.connect({ host: '127.0.0.1', port })
      await client.logIn(loginFor({ user: 'x', password: 'y' }))
      client.close()
    }
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  it('still runs the command of exec if nobody reads stderr', async () => {
    const warned = `${TARGET};databse=x`
    const result = await withoutReader('stderr', 'exec', '--url', warned, '--', process.execPath, '-p', '6 * 7')
    expect(result).toEqual({ stdout: '42\n', stderr: '', code: 0 })
  })
})
