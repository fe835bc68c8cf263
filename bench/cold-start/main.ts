import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type Azure, startAzure } from './azure.ts'
import { buildPrograms } from './build.ts'
import { runProgram } from './run-program.ts'
import { type Run, tableOf } from './table.ts'

const PROGRAMS = {
  'official-default': '`@prisma/adapter-mssql`, `azure-active-directory-default`',
  'official-token': '`@prisma/adapter-mssql`, a ready token',
  'ours-lazy': 'ours',
  'ours-eager': 'ours, `eager: true`',
} as const
type Program = keyof typeof PROGRAMS
const NAMES = Object.keys(PROGRAMS) as Program[]

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '15' }, delays: { type: 'string', default: '0,5,30' } },
})
const runs = Number(values.runs)
const delays = values.delays.split(',').map(Number)

const paths = await buildPrograms(NAMES)
const azure = await startAzure()
try {
  console.log(`Node ${process.version}, ${availableParallelism()} cores, ${runs} runs of each, interleaved\n`)
  for (const linkDelay of delays) {
    const measured = await measure(azure, linkDelay)
    console.log(`Link delay ${linkDelay} ms in each direction:\n`)
    console.log(`${tableOf(NAMES.map((name) => ({ name: PROGRAMS[name], runs: measured[name] })))}\n`)
  }
} finally {
  await azure.close()
}

/** Each program in turn, over and over; what the disk has to be read for is left out. */
async function measure(azure: Azure, linkDelay: number): Promise<Record<Program, Run[]>> {
  const measured = Object.fromEntries(NAMES.map((name) => [name, [] as Run[]])) as Record<Program, Run[]>
  for (let round = 0; round <= runs; round++) {
    for (const name of NAMES) {
      const run = await runOnce(azure, name, linkDelay)
      if (round > 0) measured[name].push(run)
    }
  }
  return measured
}

async function runOnce(azure: Azure, name: Program, linkDelay: number): Promise<Run> {
  const { place, environment } = azure.ready
  const token = await azure.begin(linkDelay)
  const given = { ...environment, COLD_START_PLACE: JSON.stringify(place), COLD_START_TOKEN: token }
  const start = await runProgram(paths[name], given)
  return { ...start, ...(await azure.counts()) }
}
