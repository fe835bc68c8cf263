// How long importing this package takes on top of the official adapter, by whole processes on the built package.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { spreadOf } from './statistics.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '25' } } })
const OFFICIAL = "import '@prisma/adapter-mssql'"
const OURS = "import 'prisma-adapter-mssql-entra'"
const PROGRAMS = { official: OFFICIAL, both: `${OFFICIAL}\n${OURS}` } as const
// What a module puts off belongs to it: the time is taken when that is done.
const END = `
await new Promise((resolve) => setTimeout(resolve, 50))
const { user, system } = process.cpuUsage()
console.log(JSON.stringify({ wall: performance.now(), cpu: (user + system) / 1000 }))`

const measured: Record<keyof typeof PROGRAMS, { wall: number; cpu: number }[]> = { official: [], both: [] }
for (let run = 0; run < Number(values.runs); run++) {
  for (const [name, program] of Object.entries(PROGRAMS) as [keyof typeof PROGRAMS, string][]) {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program + END], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      encoding: 'utf8',
    })
    if (stdout === '') throw new Error(stderr)
    measured[name].push(JSON.parse(stdout))
  }
}

for (const of of ['wall', 'cpu'] as const) {
  const official = spreadOf(measured.official.map((run) => run[of]))
  const both = spreadOf(measured.both.map((run) => run[of]))
  const show = ({ median, from, to }: typeof both) => `${median.toFixed(1)} (${from.toFixed(1)} to ${to.toFixed(1)})`
  console.log(
    `${of}: official ${show(official)} ms, and ours ${show(both)} ms: +${(both.median - official.median).toFixed(1)} ms`,
  )
}
