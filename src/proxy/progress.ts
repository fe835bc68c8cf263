import type { ConnectRetryEvent } from '../events.ts'

/** What to tell whoever sits before the screen while a database is waited for; a paused one takes a minute. */
export function progressOf({ error, attempt, retryInMs }: ConnectRetryEvent): string {
  const [what = ''] = error.message.split('\n')
  return `${what} Waiting ${Math.ceil(retryInMs / 1000)} s before attempt ${attempt + 1}.`
}
