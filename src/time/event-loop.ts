/** The longest delay that `setInterval` takes without overflowing, in ms. */
const NEVER = 2 ** 31 - 1

let holders = 0
let hold: NodeJS.Timeout | undefined

/**
 * Keeps the process alive until `work` has settled. For what somebody waits for: the timers of this package never keep
 * it alive, so that a script whose query waits for a token or a database would end in the middle of it, without a word.
 */
export async function holdEventLoop<T>(work: Promise<T>): Promise<T> {
  if (holders++ === 0) hold = setInterval(() => {}, NEVER)
  try {
    return await work
  } finally {
    if (--holders === 0) clearInterval(hold)
  }
}

/**
 * Resolves when every socket that had ended has been heard of. A process that was frozen, or busy, may read an answer
 * first, and only then that the other end closed the connection behind it. Of two immediates the second runs after the
 * sockets were polled: the first one may be of the turn that is under way.
 */
export function socketsPolled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve))
  })
}
