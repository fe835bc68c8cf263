import type { Clock } from '../time/clock.ts'

/**
 * How long a person has to answer, in ms: as long as Microsoft.Data.SqlClient waits for a browser. A window that was
 * closed without an answer is never told of.
 */
export const PROMPT_TIMEOUT = 180_000

const open = new WeakMap<object, Promise<void>>()

/**
 * Keeps a credential from asking a person twice at the same time: the later request waits until the earlier one has
 * been answered, and then mostly needs no answer any more.
 *
 * @param ask - called when its turn has come, which is after {@link PROMPT_TIMEOUT} at the latest
 */
export function oneAtATime<T>(credential: object, clock: Clock, ask: () => Promise<T>): Promise<T> {
  let over = () => {}
  const closed = new Promise<void>((resolve) => {
    over = resolve
  })
  const answer = (open.get(credential) ?? Promise.resolve()).then(() => {
    const timer = clock.setTimer(PROMPT_TIMEOUT, over)
    return ask().finally(() => timer.cancel())
  })
  answer.then(over, over)
  open.set(credential, closed)
  return answer
}
