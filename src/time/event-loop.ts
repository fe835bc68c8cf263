import { MAX_DELAY } from './clock.ts'

let holders = 0
let hold: NodeJS.Timeout | undefined

/**
 * Keeps the process alive until `work` has settled. The timers of this package never do, so a script whose query waits
 * for a token or a database would otherwise end without a word.
 */
export async function holdEventLoop<T>(work: Promise<T>): Promise<T> {
  if (holders++ === 0) hold = setInterval(() => {}, MAX_DELAY)
  try {
    return await work
  } finally {
    if (--holders === 0) clearInterval(hold)
  }
}

/**
 * Resolves when the end of every socket that has ended has been noticed. A process that was frozen or busy may read an
 * answer first, and only then that the connection was closed after it. Two immediates are needed: the first may still
 * belong to the current turn; the second runs after the sockets were polled.
 */
export function socketsPolled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve))
  })
}

/** What some work gives. @throws what it throws; the signal's reason as soon as that is aborted */
export async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const over = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    over.abort()
  }
}
