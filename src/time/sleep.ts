import type { Clock } from './clock.ts'

/** Waits for `delay` ms; rejects with the signal's reason, and takes its timer along, when it is aborted. */
export function sleep(clock: Clock, delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      timer.cancel()
      reject(signal.reason)
    }
    const timer = clock.setTimer(delay, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
