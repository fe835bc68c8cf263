/**
 * What a rotation does to queries: their latencies under a steady load, with tokens that are replaced every few seconds
 * beside tokens that are not.
 *
 *     npm run bench:rotation -- [--turns 3] [--duration 15000] [--rate 500] [--lifetime 10] [--delay 5]
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { buildPrograms } from '../build.ts'
import { Child } from '../child.ts'
import { markdownTable } from '../markdown.ts'
import { quantile } from '../statistics.ts'
import type { Counts, Order, Ready } from './azure-process.ts'
import type { Load, Outcome } from './client.ts'

/** The default of the pool. */
const MAX = 10

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '3' },
    duration: { type: 'string', default: '15000' },
    rate: { type: 'string', default: '500' },
    lifetime: { type: 'string', default: '10' },
    delay: { type: 'string', default: '5' },
  },
})
const load: Load = { rate: Number(values.rate), duration: Number(values.duration) }

interface Side {
  title: string
  tokenLifetime: number
  outcomes: (Outcome & Counts)[]
}
const sides: Side[] = [
  { title: 'of an hour', tokenLifetime: 3_600_000, outcomes: [] },
  { title: `of ${values.lifetime} s`, tokenLifetime: Number(values.lifetime) * 1000, outcomes: [] },
]

const [program = ''] = await buildPrograms(new URL('client.ts', import.meta.url))
const azure = await Child.start<Order, Counts, Ready>(new URL('azure-process.ts', import.meta.url), [values.delay])
for (let turn = 0; turn < Number(values.turns); turn++) {
  for (const { tokenLifetime, outcomes } of sides) {
    await azure.ask({ tokenLifetime })
    // One at a time: a rotation is not to disturb who has none.
    const { place, environment } = azure.ready
    const client = await Child.start<Load, Outcome, string>(program, [JSON.stringify(place)], environment)
    const outcome = await client.ask(load)
    outcomes.push({ ...outcome, ...(await azure.ask({})) })
    await client.close()
  }
}
await azure.close()

const [without = [], within = []] = sides.map(({ outcomes }) => outcomes.flatMap(({ latencies }) => latencies))
const sum = (outcomes: readonly Counts[], count: keyof Counts) => outcomes.reduce((all, own) => all + own[count], 0)
const rows = sides.map(({ title, outcomes }) => {
  const latencies = outcomes.flatMap((own) => own.latencies)
  const at = (share: number) => quantile(latencies, share).toFixed(1)
  const rotations = outcomes.reduce((all, own) => all + own.rotations, 0)
  const failures = outcomes.flatMap((own) => own.failures)
  const most = Math.max(...outcomes.map(({ mostSessionsOpen }) => mostSessionsOpen))
  const counts = [rotations, sum(outcomes, 'tokenRequests'), sum(outcomes, 'logins'), most]
  const wrong = [failures.length, sum(outcomes, 'requestsAfterExpiry')]
  const cells = [latencies.length, at(0.5), at(0.99), at(0.999), at(1), ...counts, ...wrong]
  return [title, ...cells.map(String)]
})
const { rate, duration } = load
console.log(
  `Node ${process.version}, ${availableParallelism()} cores, ${rate} queries a second, ${values.turns} turns of ` +
    `${duration / 1000} s each, link delay ${values.delay} ms in each direction\n`,
)
const latencyHead = ['queries', 'p50, ms', 'p99', 'p99.9', 'most']
const countsHead = ['rotations', 'token requests', 'logins', 'connections at most', 'failures', 'after expiry']
console.log(`${markdownTable(['tokens', ...latencyHead, ...countsHead], rows)}\n`)
const ratio = (share: number) => (quantile(within, share) / quantile(without, share)).toFixed(2)
console.log(
  `With rotations p50 is ${ratio(0.5)}, p99 ${ratio(0.99)}, p99.9 ${ratio(0.999)} times what it is without (goal of ` +
    `p99.9: 1.1; of connections: ${MAX + 3}).`,
)
for (const failure of new Set(sides.flatMap(({ outcomes }) => outcomes.flatMap((own) => own.failures)))) {
  console.log(failure)
}
