import { type ChildProcess, spawn as spawnProgram } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import spawn from 'cross-spawn'

/** Signals to pass on. SIGKILL and SIGSTOP cannot be caught. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGCONT', 'SIGWINCH']

/** Signals that a terminal sends to all its foreground processes, so that the child already has them. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** How long a signal to a process group takes to end the witness, at most, in ms. */
const WITNESS_DELAY = 100

/**
 * Runs a command on this process's terminal, and passes signals on to it until it ends: Ctrl-C reaches it once.
 *
 * @returns its exit code, or 128 + the number of the signal that ended it
 * @throws the system's error if it cannot be run
 */
export async function runChild(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, [...args], { stdio: 'inherit', env })
  const witness = new Witness()
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal)
  const passOnOwn = async (signal: NodeJS.Signals) => {
    if (!(await witness.saw(signal))) passOn(signal)
  }
  for (const signal of PASSED_ON) process.on(signal, passOn)
  for (const signal of FROM_TERMINAL) process.on(signal, passOnOwn)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
    })
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn)
    for (const signal of FROM_TERMINAL) process.off(signal, passOnOwn)
    witness.close()
  }
}

/**
 * Tells a signal to this process alone (`kill -INT`) from one to its process group (Ctrl-C). Node does not say who sent a
 * signal, so a process of the same group that does nothing else watches with us: a signal to the group ends it too. It
 * cannot outlive us: it ends with its input.
 */
class Witness {
  #process: ChildProcess | undefined
  #ended: Promise<NodeJS.Signals | undefined> = Promise.resolve(undefined)
  #closed = false

  constructor() {
    this.#start()
  }

  /** Whether the signal went to the whole process group. A Windows console sends its signals to all of its processes. */
  async saw(signal: NodeJS.Signals): Promise<boolean> {
    if (process.platform === 'win32') return true
    const ended = this.#ended
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), WITNESS_DELAY).unref())
    return (await Promise.race([ended, late])) === signal
  }

  close(): void {
    this.#closed = true
    this.#process?.kill('SIGKILL')
  }

  #start(): void {
    if (process.platform === 'win32') return
    const watching = spawnProgram('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
    this.#process = watching
    this.#ended = once(watching, 'exit').then(
      ([, signal]) => {
        // Not at once: our own listener for the signal may only run now.
        if (signal !== null) setTimeout(() => this.#closed || this.#start(), WITNESS_DELAY).unref()
        return signal ?? undefined
      },
      () => undefined,
    )
    watching.unref()
    watching.stdin.on('error', () => {})
  }
}
