/**
 * What a query costs in a steady state: queries a second and the processor's time, beside the official adapter and the
 * driver alone.
 *
 *     npm run bench:steady -- [--rounds 6] [--duration 500] [--delays 0,5] [--workers 1,8,32] [--plot docs/steady.svg]
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { buildPrograms } from '../build.ts'
import { Child } from '../child.ts'
import type { Load, Yield } from './client.ts'
import type { Contestant } from './contestants.ts'
import { drawPlot } from './plot.ts'
import type { Place } from './server-process.ts'
import { type Cell, summaryOf, tableOf } from './table.ts'

const NAMES: readonly Contestant[] = ['official', 'socket', 'ours', 'tedious']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    duration: { type: 'string', default: '500' },
    delays: { type: 'string', default: '0,5' },
    workers: { type: 'string', default: '1,8,32' },
    plot: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const duration = Number(values.duration)
const [delays, workers] = [values.delays, values.workers].map((list) => list.split(',').map(Number)) as [
  number[],
  number[],
]

const [program = ''] = await buildPrograms(new URL('client.ts', import.meta.url))
const server = await Child.start<{ delay: number }, void, Place>(new URL('server-process.ts', import.meta.url))
const start = (name: Contestant) => Child.start<Load, Yield, string>(program, [name, JSON.stringify(server.ready)])
const clients: { name: Contestant; client: Awaited<ReturnType<typeof start>> }[] = []
for (const name of NAMES) clients.push({ name, client: await start(name) })
const cells: Cell[] = delays.flatMap((delay) =>
  workers.map((count) => ({ delay, workers: count, yields: { official: [], socket: [], ours: [], tedious: [] } })),
)

// All take turns, so that whatever else the machine does meets all alike. The first round is left out.
for (let round = 0; round <= rounds; round++) {
  for (const cell of cells) {
    // An answer takes both ways.
    await server.ask({ delay: 2 * cell.delay })
    for (let turn = 0; turn < clients.length; turn++) {
      const { name, client } = clients[(turn + round) % clients.length] ?? failTurn()
      const result = await client.ask({ workers: cell.workers, duration })
      if (round > 0) cell.yields[name].push(result)
    }
  }
}
await Promise.all(clients.map(({ client }) => client.close()))
await server.close()

console.log(`Node ${process.version}, ${availableParallelism()} cores, ${rounds} turns of ${duration} ms each\n`)
console.log(`${tableOf(cells)}\n\n${summaryOf(cells)}`)
if (values.plot) await writeFile(values.plot, drawPlot(cells))

function failTurn(): never {
  throw new Error('There is nobody whose turn it is.')
}
