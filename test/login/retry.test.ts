import { expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import { openWithRetries } from '../../src/login/retry.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const PAUSED = new EntraError('DATABASE_UNAVAILABLE', 'Paused.', { number: 40613, state: 1 })

/** When a database that never wakes up is tried, in ms from the beginning, and how that ends. */
async function tries(timing: { connectRetryInterval: number; connectRetryTimeout: number }, isWorthWaiting = true) {
  const clock = new VirtualClock()
  const tokenSource = new TokenSource(new FakeCredential(clock), { scope: 'test', clock })
  const start = clock.monotonic()
  const at: number[] = []
  const retries: number[] = []
  const open = async () => {
    at.push(clock.monotonic() - start)
    throw PAUSED
  }
  const outcome = openWithRetries(open, {
    tokenSource,
    timing: { ...timing, waitTimeout: 15_000 },
    clock,
    random: () => 0,
    signal: new AbortController().signal,
    emit: ({ retryInMs }) => retries.push(retryInMs),
    databaseWasOpened: false,
    isReplaceable: () => true,
    isWorthWaiting: () => isWorthWaiting,
  }).catch((error: unknown) => error)
  await clock.advance(600_000)
  return { at, retries, outcome: await outcome }
}

it('a database that does not resume is retried at growing intervals, and one last time at the timeout', async () => {
  const { at, retries, outcome } = await tries({ connectRetryInterval: 500, connectRetryTimeout: 20_000 })
  expect(at).toEqual([0, 500, 1_500, 3_500, 7_500, 12_500, 17_500, 20_000])
  expect(retries).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000, 2_500])
  expect(outcome).toBe(PAUSED)
})

it('a database is tried once if the timeout is 0 or the failure is not transient', async () => {
  const once = { at: [0], retries: [], outcome: PAUSED }
  expect(await tries({ connectRetryInterval: 5_000, connectRetryTimeout: 0 })).toEqual(once)
  expect(await tries({ connectRetryInterval: 5_000, connectRetryTimeout: 60_000 }, false)).toEqual(once)
})
