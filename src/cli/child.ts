import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import spawn from 'cross-spawn'

/** Signals to pass on. SIGKILL and SIGSTOP cannot be caught. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT', 'SIGQUIT']

/** Signals that a terminal sends to all processes in its foreground, so that the child already has them. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/**
 * Runs a command on this process's terminal, and passes signals on to it until it ends: Ctrl-C reaches it once.
 *
 * @returns its exit code, or 128 + the number of the signal that ended it
 * @throws the system's error if it cannot be run
 */
export async function runChild(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, [...args], { stdio: 'inherit', env })
  const passOn = (signal: NodeJS.Signals) => {
    if (!FROM_TERMINAL.includes(signal) || !isInForeground()) child.kill(signal)
  }
  for (const signal of PASSED_ON) process.on(signal, passOn)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
    })
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn)
  }
}

/** Whether a terminal has this process in its foreground. A Windows console sends Ctrl-C to all of its processes. */
function isInForeground(): boolean {
  if (process.platform === 'win32') return true
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-o', 'stat=', '-p', `${process.pid}`], { encoding: 'utf8' }).includes('+')
  }
  // Small images have no ps. proc(5): pid (command) state ppid pgrp session tty_nr tpgid
  const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return group === foreground
}
