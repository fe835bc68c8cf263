import { constants } from 'node:os'
import spawn from 'cross-spawn'

/** How a child process ended, as a shell tells it. */
export type Ending = { code: number } | { error: NodeJS.ErrnoException }

/** Signals that end or steer a process. SIGKILL and SIGSTOP reach nobody who could pass them on. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGCONT', 'SIGWINCH']

/** Signals that a terminal sends to all of its foreground processes: to the child too, without our doing. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/**
 * Runs a command with this process's terminal, and passes signals on to it until it ends.
 *
 * @returns its exit code, or 128 + the number of the signal that ended it; the error where it could not be run
 */
export function runChild(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ending> {
  const handlers = new Map<NodeJS.Signals, () => void>()
  return new Promise<Ending>((resolve) => {
    const child = spawn(command, [...args], { stdio: 'inherit', env })
    for (const signal of PASSED_ON) handlers.set(signal, () => child.kill(signal))
    for (const signal of FROM_TERMINAL) {
      handlers.set(signal, () => {
        if (!process.stdin.isTTY) child.kill(signal)
      })
    }
    for (const [signal, handler] of handlers) process.on(signal, handler)
    child.once('error', (error) => resolve({ error }))
    child.once('exit', (code, signal) => resolve({ code: code ?? 128 + (signal ? constants.signals[signal] : 0) }))
  }).finally(() => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  })
}
