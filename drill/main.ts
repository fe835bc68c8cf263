import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Child } from '../bench/child.ts'
import type { AzureOrder, Place } from './azure-process.ts'
import type { ClientOrder, Contestant } from './client.ts'
import { type Figures, figuresOf, type Operation } from './figures.ts'
import { drawing, type Result, tableOf } from './report.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

const CALM = 2_000
/** For every wait of either to end, in ms. */
const AFTERWARDS = 10_000

const names = SCENARIOS.map(({ name }) => name).join(', ')
const help = `Takes a local Azure away from two clients under load, ours and the official adapter's, and says what they noticed.

  npm run drill
  npm run drill -- --only NAME    one way of: ${names}
  npm run drill -- --svg FILE     draws it too`

const { values } = parseArgs({
  options: { only: { type: 'string' }, svg: { type: 'string' }, help: { type: 'boolean', default: false } },
})
if (values.help) {
  console.log(help)
  process.exit()
}
const chosen = SCENARIOS.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) {
  console.error(`--only takes one of: ${names}`)
  process.exit(2)
}

const results: Result[] = []
for (const scenario of chosen) {
  console.error(`${scenario.name}: ${scenario.what}`)
  results.push({ scenario, figures: await drill(scenario) })
}
console.log(tableOf(results))
if (values.svg) await writeFile(values.svg, drawing(results))
const { twice, missing } = results.reduce(
  (sum, { figures: { ours } }) => ({ twice: sum.twice + ours.twice, missing: sum.missing + ours.missing }),
  { twice: 0, missing: 0 },
)
process.exitCode = twice + missing === 0 ? 0 : 1

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
