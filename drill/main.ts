import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../bench/child.ts'
import { readValues, runProgram, UsageError } from '../scripts/support/command-line.ts'
import type { AzureOrder, Place } from './azure-process.ts'
import type { ClientOrder, Contestant } from './client.ts'
import { type Figures, figuresOf, type Operation } from './figures.ts'
import { drawing, type Result, tableOf } from './report.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

const CALM = 2_000
/** For every wait of either to end, in ms. */
const AFTERWARDS = 10_000

const NAMES = SCENARIOS.map(({ name }) => name).join(', ')
const USAGE = `npm run drill -- [options]

Takes a local Azure away from two clients under load, ours and the official adapter's, and says what they noticed.

  --only NAME   one way of: ${NAMES}
  --svg FILE    draws a picture too
  --help        this text

Exit code 0 if ours ran no write twice and lost none; 2 for a wrong command line; else 1.`

await runProgram(USAGE, async () => {
  const { help, only, svg } = readValues(process.argv.slice(2), {
    only: { type: 'string' },
    svg: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (help) {
    console.log(USAGE)
    return 0
  }
  const chosen = SCENARIOS.filter(({ name }) => only === undefined || name === only)
  if (chosen.length === 0) throw new UsageError(`--only takes one of: ${NAMES}`)
  const results: Result[] = []
  for (const scenario of chosen) {
    console.error(`${scenario.name}: ${scenario.what}`)
    results.push({ scenario, figures: await drill(scenario) })
  }
  console.log(tableOf(results))
  if (svg) await writeFile(svg, drawing(results))
  return results.every(({ figures: { ours } }) => ours.twice + ours.missing === 0) ? 0 : 1
})

/** Both at the same time, so that the same happens to both. */
async function drill(scenario: Scenario): Promise<Record<Contestant, Figures>> {
  const azure = await Child.start<AzureOrder, number[], Place>(new URL('azure-process.ts', import.meta.url))
  const place = azure.ready
  const contestants: Contestant[] = ['ours', 'official']
  const clients = await Promise.all(
    contestants.map((name) =>
      Child.start<ClientOrder, Operation[], string>(new URL('client.ts', import.meta.url), [
        name,
        JSON.stringify(place),
      ]),
    ),
  )
  const tell = (order: (name: Contestant) => ClientOrder) =>
    Promise.all(clients.map((client, i) => client.ask(order(contestants[i] ?? 'ours'))))
  try {
    await tell((name) => ({ begin: name }))
    await sleep(CALM)
    await scenario.run({ azure: (order) => azure.ask(order), name: (address) => tell(() => ({ address })), place })
    const backAt = Date.now()
    await sleep(AFTERWARDS)
    const operations = await tell(() => ({ end: true }))
    if (process.env.DRILL_DEBUG) console.error(JSON.stringify({ backAt, operations }))
    const figures: Partial<Record<Contestant, Figures>> = {}
    for (const [i, name] of contestants.entries()) {
      figures[name] = figuresOf(operations[i] ?? [], backAt, await azure.ask({ rows: name }))
    }
    return figures as Record<Contestant, Figures>
  } finally {
    await Promise.all(clients.map((client) => client.close()))
    await azure.close()
  }
}
