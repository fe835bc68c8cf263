import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { sharedUpstream } from '../integration/shared-upstream.ts'
import { type LocalAzure, startLocalAzure } from '../local-azure.ts'
import { bundleCli } from '../support/bundled-program.ts'

/** A running command. */
export interface RunningCommand {
  process: ChildProcess
  /** What it has written so far. */
  out: string
  err: string
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>
}

/** `prisma-mssql-entra` on a local Azure, signed in as App Service's managed identity. */
export interface CommandOnAzure {
  readonly azure: LocalAzure
  start(...args: string[]): RunningCommand
  /** In a terminal, in its foreground. */
  startOnTerminal(...args: string[]): RunningCommand
  /** With more in its environment, which may name the folder IN_FOLDER. */
  startIn(environment: NodeJS.ProcessEnv, ...args: string[]): RunningCommand
  spawn(program: string, args: string[], environment: NodeJS.ProcessEnv, stdin?: 'pipe' | 'ignore'): RunningCommand
  run(...args: string[]): Promise<{ out: string; err: string; code: number | NodeJS.Signals }>
}

export function useCommand(): CommandOnAzure {
  let azure: LocalAzure | undefined
  let cli: Awaited<ReturnType<typeof bundleCli>>
  let folder = ''
  const running = new Set<ChildProcess>()
  beforeAll(async () => {
    azure = await startLocalAzure({ upstream: await sharedUpstream() })
    cli = await bundleCli()
    folder = await mkdtemp(join(tmpdir(), 'prisma-mssql-entra-'))
    await writeFile(join(folder, 'gateway.pem'), azure.gateway.ca)
  }, 600_000)
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL')
    await azure?.close()
    await cli.remove()
    await rm(folder, { recursive: true, force: true })
  })
  const command: CommandOnAzure = {
    get azure() {
      if (azure === undefined) throw new Error('Only to be used inside a test.')
      return azure
    },
    start(...args) {
      return command.startIn({}, ...args)
    },
    startOnTerminal(...args) {
      const words = [process.execPath, cli.main, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      // Without `exec`, dash stays in the foreground, and Ctrl-C ends it.
      return command.spawn(
        'script',
        ['--quiet', '--return', '--flush', '--command', `exec ${words.join(' ')}`, '/dev/null'],
        {},
        'pipe',
      )
    },
    startIn(environment, ...args) {
      return command.spawn(process.execPath, [cli.main, ...args], environment)
    },
    spawn(program, args, { IN_FOLDER, ...environment }, stdin = 'ignore') {
      const { DATABASE_URL: _, ...inherited } = process.env
      const child = spawn(program, args, {
        stdio: [stdin, 'pipe', 'pipe'],
        // A process group of its own, for signals to it.
        detached: true,
        ...(IN_FOLDER !== undefined && { cwd: IN_FOLDER }),
        env: {
          ...inherited,
          ...command.azure.authority.environment('app-service'),
          NODE_EXTRA_CA_CERTS: join(folder, 'gateway.pem'),
          TO_AZURE: command.azure.connectionString(),
          ...environment,
        },
      })
      running.add(child)
      const started: RunningCommand = {
        process: child,
        out: '',
        err: '',
        ended: new Promise((resolve, reject) => {
          child.once('error', reject)
          child.once('close', (code, signal) => {
            running.delete(child)
            resolve(code ?? signal ?? 0)
          })
        }),
      }
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        started.out += text
      })
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        started.err += text
      })
      return started
    },
    async run(...args) {
      const started = command.start(...args)
      const code = await started.ended
      return { code, out: started.out, err: started.err }
    },
  }
  return command
}
