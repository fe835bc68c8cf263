import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { describeScenario, shrink } from '../test/simulation/report.ts'
import { makeScenario } from '../test/simulation/scenario.ts'
import type { Violation } from '../test/simulation/violations.ts'
import type { Report } from '../test/simulation/worker.ts'
import { bundleSimulation, runInThread } from '../test/simulation/workers.ts'
import { run } from '../test/simulation/world.ts'

const help = `Runs the pool on a virtual clock, against a model of the server, the network and the credential, with faults.

  npm run simulate -- --hours 1000000    as many virtual hours, on every core
  npm run simulate -- --seed 7           one scenario, told in full

  --hours N     virtual hours to simulate (100000)
  --from N      the first seed (1)
  --threads N   how many at once (one a core)
  --seed N      only this one, verbosely`

async function runOne(seed: number): Promise<void> {
  const { violation } = await run(makeScenario(seed), console.log)
  if (violation === undefined) console.log('\nEvery promise was kept.')
  else await explain(seed, violation)
}

async function explain(seed: number, violation: Violation): Promise<void> {
  const scenario = await shrink(makeScenario(seed), violation)
  console.log(`\nThe shortest scenario with the same violation:\n${describeScenario(scenario, violation)}`)
  process.exitCode = 1
}

async function simulate(hours: number, from: number, threads: number): Promise<void> {
  const bundle = await bundleSimulation()
  const sum = new Sum()
  const { isTTY } = process.stdout
  const display = setInterval(
    () => process.stdout.write(isTTY ? `\r${sum.line()}` : `${sum.line()}\n`),
    isTTY ? 500 : 10_000,
  )
  await Promise.all(
    Array.from({ length: threads }, (_, i) =>
      runInThread(bundle, { firstSeed: from + i, step: threads, hours: hours / threads }, (report) => sum.add(report)),
    ),
  )
  clearInterval(display)
  console.log(`${isTTY ? '\r' : ''}${sum.line()}\n\n${sum.table()}`)
  for (const { seed, violation } of sum.firstOfEach.values()) await explain(seed, violation)
  if (sum.firstOfEach.size === 0) console.log('\nEvery promise was kept.')
}

/** The sum of all reports. */
class Sum {
  readonly firstOfEach = new Map<string, { seed: number; violation: Violation }>()
  readonly #startedAt = performance.now()
  readonly #counts = { scenarios: 0, hours: 0, works: 0, rotations: 0, faults: 0, tokenRequests: 0, logins: 0 }
  readonly #failures = new Map<string, number>()
  readonly #violations = new Map<string, number>()

  add(report: Report): void {
    const counts = this.#counts
    counts.scenarios++
    for (const name of ['hours', 'works', 'rotations', 'faults', 'tokenRequests', 'logins'] as const) {
      counts[name] += report[name]
    }
    for (const [code, count] of Object.entries(report.failures)) increase(this.#failures, code, count)
    const { violation, seed } = report
    if (violation === undefined) return
    increase(this.#violations, violation.breach, 1)
    // Not at the end, since the whole run may take long.
    console.log(`\nSeed ${seed}: ${violation.breach}: ${violation.message}`)
    if (!this.firstOfEach.has(violation.breach)) this.firstOfEach.set(violation.breach, { seed, violation })
  }

  line(): string {
    const { hours, works, rotations, faults } = this.#counts
    const perSecond = hours / ((performance.now() - this.#startedAt) / 1_000)
    const broken = [...this.#violations.values()].reduce((sum, count) => sum + count, 0)
    return (
      `${round(hours)} h, ${round(perSecond)} h/s, ${round(rotations)} rotations, ${round(works)} queries and ` +
      `transactions, ${round(faults)} faults, ${broken} violations`
    )
  }

  table(): string {
    const { scenarios, tokenRequests, logins } = this.#counts
    return [
      row('scenarios', scenarios),
      row('token requests', tokenRequests),
      row('logins', logins),
      'work that failed because of a fault, by code:',
      ...[...this.#failures].sort(([, a], [, b]) => b - a).map(([code, count]) => row(`  ${code}`, count)),
      'violations:',
      ...(this.#violations.size === 0 ? ['  none'] : [...this.#violations].map(([b, count]) => row(`  ${b}`, count))),
    ].join('\n')
  }
}

function increase(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by)
}

function row(name: string, count: number): string {
  return `${name.padEnd(34)}${round(count).padStart(14)}`
}

function round(value: number): string {
  return Math.round(value).toLocaleString('en')
}

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '100000' },
    from: { type: 'string', default: '1' },
    threads: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(help)
else if (values.seed !== undefined) await runOne(Number(values.seed))
else await simulate(Number(values.hours), Number(values.from), Number(values.threads))
// A run that stopped early leaves waiting work, which would keep the process alive.
process.exit()
