import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { buildPrograms, bundlePrograms } from '../build.ts'
import { Azure } from './azure.ts'
import { runProgram } from './run-program.ts'
import { type Row, type Run, tableOf } from './table.ts'

/** What is measured: the first row of a table is what the others are compared with. */
const PROGRAMS = {
  'official-default': '`@prisma/adapter-mssql`, `azure-active-directory-default`',
  'official-token': '`@prisma/adapter-mssql`, a ready token',
  'ours-lazy': 'ours',
  'ours-eager': 'ours, `eager: true`',
} as const
/** Those that are also made one file each, with every package in it. */
const BUNDLED = ['official-default', 'ours-lazy'] as const

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '7' }, delays: { type: 'string', default: '0,5,30' } },
})
const runs = Number(values.runs)
const delays = values.delays.split(',').map(Number)

interface Program {
  title: string
  path: string
}
const sourceOf = (name: string) => new URL(`programs/${name}.ts`, import.meta.url)
const names = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[]
const built = await buildPrograms(...names.map(sourceOf))
const bundled = await bundlePrograms(...BUNDLED.map(sourceOf))
const programs: Program[] = [
  ...built.map((path, i) => ({ title: PROGRAMS[names[i] ?? 'ours-lazy'], path })),
  ...bundled.map((path, i) => ({ title: `${PROGRAMS[BUNDLED[i] ?? 'ours-lazy']}, one bundled file`, path })),
]

const azure = await Azure.start()
try {
  console.log(`Node ${process.version}, ${availableParallelism()} cores, ${runs} runs of each, interleaved\n`)
  for (const linkDelay of delays) {
    console.log(`Link delay ${linkDelay} ms in each direction:\n\n${tableOf(await measure(linkDelay))}\n`)
  }
} finally {
  await azure.close()
}

/** Each program in turn, over and over; what the disk has to be read for is left out. */
async function measure(linkDelay: number): Promise<Row[]> {
  const rows = programs.map(({ title, path }) => ({ name: title, path, runs: [] as Run[] }))
  for (let round = 0; round <= runs; round++) {
    for (const { path, runs } of rows) {
      const run = await runOnce(path, linkDelay)
      if (round > 0) runs.push(run)
    }
  }
  return rows
}

async function runOnce(path: string, linkDelay: number): Promise<Run> {
  const { place, environment } = azure.ready
  const token = await azure.begin(linkDelay)
  const given = { ...environment, COLD_START_PLACE: JSON.stringify(place), COLD_START_TOKEN: token }
  const start = await runProgram(path, given)
  return { ...start, ...(await azure.counts()) }
}
