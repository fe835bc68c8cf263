import { describe, expect, it } from 'vitest'
import { bundleSimulation, type Replacement } from './bundle.ts'
import { runInThread } from './crew.ts'
import type { Breach } from './verdict.ts'
import type { Report } from './worker.ts'

/** A bug to plant, and how it may show. */
interface Bug extends Replacement {
  name: string
  shows: Breach[]
}

const tokenSource = 'src/token/token-source.ts'
const rotation = 'src/rotation/rotation.ts'
const transaction = 'src/rotation/rotating-transaction.ts'

const bugs: Bug[] = [
  {
    name: 'work begins with a token that is at its end',
    file: rotation,
    find: 'return isFresh(current.lease, current.lease.now(), this.#source.timing) ? current : undefined',
    replace: 'return current',
    shows: ['expired token used', 'failed without cause'],
  },
  {
    name: 'token requests are made though one is in flight',
    file: tokenSource,
    find: 'if (this.#inFlight !== undefined) return',
    replace: '',
    shows: ['requests in flight'],
  },
  {
    name: 'an old generation is never closed',
    file: rotation,
    find: '    from.retire()\n',
    replace: '',
    shows: ['generation not closed', 'too many connections'],
  },
  {
    name: 'the swap comes before the warm-up',
    file: rotation,
    find: 'await this.#warm(pool, from)',
    replace: '',
    shows: ['cold swap'],
  },
  {
    name: 'a statement is run again inside a transaction',
    file: transaction,
    find: 'throw this.#explain(error, cutOff)',
    replace: 'return await statement()',
    shows: ['retried in a transaction', 'failed without cause'],
  },
  {
    name: 'a statement whose connection was lost is run again',
    file: rotation,
    find: "failure === 'lost' || ",
    replace: '',
    shows: ['statement run twice'],
  },
  {
    name: 'the timer of the refresh is never set',
    file: tokenSource,
    find: 'else this.#alarm.set(delay)',
    replace: '',
    shows: ['late rotation', 'failed without cause'],
  },
  {
    name: 'expired connections are not cut',
    file: rotation,
    find: "if (timeLeft <= 0) generation.cut('expired')\n      else ",
    replace: '',
    shows: ['open after expiry'],
  },
  {
    name: 'failed token requests are repeated at once',
    file: tokenSource,
    find: 'this.#pause.set(retryInMs, atLeast)',
    replace: '',
    shows: ['storm of token requests', 'Retry-After ignored'],
  },
  {
    name: 'Retry-After is not obeyed while work waits',
    file: tokenSource,
    find: 'this.#pause.set(retryInMs, atLeast)',
    replace: 'this.#pause.set(retryInMs)',
    shows: ['Retry-After ignored'],
  },
  {
    name: 'a disconnect leaves the timer',
    file: rotation,
    find: 'this.#unsubscribe?.()\n    this.#alarm.cancel()',
    replace: 'this.#unsubscribe?.()',
    shows: ['left after disconnect'],
  },
  {
    name: 'a refused token is kept',
    file: tokenSource,
    find: 'if (this.#leases.current !== lease) return',
    replace: 'return',
    shows: ['failed without cause', 'storm of logins'],
  },
  {
    name: 'a lease is given out after its end',
    file: tokenSource,
    find: 'const { fresh } = this.#leases\n    if',
    replace: 'const { current: fresh } = this.#leases\n    if',
    shows: ['expired token used', 'open after expiry', 'failed without cause', 'storm of logins'],
  },
  {
    name: 'two turns at once',
    file: rotation,
    find: 'this.#turning ??= this.#turnOnce(reason)',
    replace: 'this.#turning = this.#turnOnce(reason)',
    shows: ['too many connections', 'generation not closed'],
  },
  {
    name: 'generations are not counted together',
    file: 'src/rotation/room.ts',
    find: 'while (max !== undefined && this.#connectionsBeside(undefined) >= 2 * max) {',
    replace: 'while (false) {',
    shows: ['too many connections'],
  },
  {
    name: 'work queues in the pool, and stays there when a rotation comes',
    file: 'src/rotation/room.ts',
    find: 'current.inFlight < current.pool.max && ',
    replace: '',
    shows: ['queued in a pool'],
  },
  {
    name: 'each query tries for itself whether the server takes a further login',
    file: 'src/rotation/server-limit.ts',
    find: 'if (inFlight < pool.lendable()) return true',
    replace: 'return true',
    shows: ['storm of logins'],
  },
  {
    name: 'the next generation logs in all at once',
    file: rotation,
    find: 'await pool.warmUp(count, this.#timing.loginsAtOnce)',
    replace: 'await pool.warmUp(count, count)',
    shows: ['logins at once'],
  },
  {
    name: 'a clock that was set back is waited out',
    file: 'src/clock.ts',
    find: 'Math.max(this.#clock.now() - this.#now, this.#clock.monotonic() - this.#monotonic)',
    replace: 'this.#clock.now() - this.#now',
    shows: ['failed without cause', 'endless wait', 'late rotation', 'expired token used', 'open after expiry'],
  },
  {
    name: 'a server that is down for a moment is not waited for',
    file: 'src/connect/open-with-retries.ts',
    find: "if (failure !== 'unavailable' || !attempt.patient(error)) throw error",
    replace: 'throw error',
    shows: ['failed without cause'],
  },
  {
    name: 'a transaction does not look at the clock',
    file: transaction,
    find: 'if (timeLeft <= 0) throw transactionExpired(lease.expiresOn)',
    replace: '',
    shows: ['expired token used'],
  },
]

/** Far more than any of them needs. */
const HOURS = 60_000

describe('a bug that was planted', { timeout: 120_000 }, () => {
  it.each(bugs)('is found: $name', async ({ shows, ...bug }) => {
    const found = await simulate([bug])
    expect(found, 'within the hours given').toBeDefined()
    expect(shows).toContain(found?.breach)
    console.log(
      `${bug.name}: ${found?.breach} after ${Math.round(found?.hours ?? 0).toLocaleString('en')} virtual hours`,
    )
  })

  it('cannot be planted where its text is not found exactly once', async () => {
    const nowhere = { file: rotation, find: 'no such text', replace: '' }
    await expect(bundleSimulation([nowhere])).rejects.toThrow('src/rotation/rotation.ts does not hold this text')
    const everywhere = { file: rotation, find: 'this', replace: '' }
    await expect(bundleSimulation([everywhere])).rejects.toThrow('exactly once')
  })
})

/** Simulates until a promise is broken; tells which, and after how many hours. */
async function simulate(replacements: Replacement[]): Promise<{ breach: Breach; hours: number } | undefined> {
  const bundle = await bundleSimulation(replacements)
  let hours = 0
  let breach: Breach | undefined
  const onReport = (report: Report) => {
    if (breach === undefined) hours += report.hours
    breach ??= report.violation?.breach
  }
  await runInThread(bundle, { firstSeed: 1, step: 1, hours: HOURS, stopAtFirst: true }, onReport, 60_000)
  return breach && { breach, hours }
}
