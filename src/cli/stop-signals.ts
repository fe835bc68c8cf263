import { constants } from 'node:os'

/** Signals to a process, as a wish that it ends in order. */
export interface StopSignals extends Disposable {
  /** Aborted by the first of them; a second one ends the process. */
  readonly signal: AbortSignal
  /** 128 and the number of the signal that came, as shells have it; undefined where none did. */
  exitCode(): number | undefined
}

/** Listens for signals until it is disposed of. */
export function stopOn(...names: readonly NodeJS.Signals[]): StopSignals {
  const stop = new AbortController()
  let came: NodeJS.Signals | undefined
  const listener = (name: NodeJS.Signals) => {
    came = name
    stop.abort(new Error('Stopped.'))
  }
  for (const name of names) process.once(name, listener)
  return {
    signal: stop.signal,
    exitCode: () => (came === undefined ? undefined : 128 + constants.signals[came]),
    [Symbol.dispose]() {
      for (const name of names) process.off(name, listener)
    },
  }
}
