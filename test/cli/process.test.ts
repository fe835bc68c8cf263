import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
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

describe('a command whose reader has gone away', () => {
  const LOADER = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const TARGET = 'sqlserver://localhost;database=app;authentication=AzureCli'

  /** Runs the command, and closes the reading end of a stream before anything is written to it. */
  async function withoutReader(stream: 'stdout' | 'stderr', ...args: string[]) {
    const child = spawn(process.execPath, ['--import', LOADER, MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
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
    ['proxy', ['proxy', TARGET]],
    ['proxy --json', ['proxy', TARGET, '--json']],
    ['doctor', ['doctor', 'sqlserver://localhost:0']],
  ])('ends quietly: %s', async (_, args) => {
    expect(await withoutReader('stdout', ...args)).toEqual({ stdout: '', stderr: '', code: 141 })
  })

  it('still runs the command of exec, if it is stderr that nobody reads', async () => {
    const warned = `${TARGET};databse=x`
    const result = await withoutReader('stderr', 'exec', '--url', warned, '--', process.execPath, '-p', '6 * 7')
    expect(result).toEqual({ stdout: '42\n', stderr: '', code: 0 })
  })
})
