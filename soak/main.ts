import { positiveNumber, readValues, runProgram, wholeNumber } from '../scripts/support/command-line.ts'
import { SOCKETS_ALLOWED, Soak } from './soak.ts'

const USAGE = `npm run soak -- [options]

Prisma Client and the adapter in one process, a local Azure with random faults in another, and tokens of 10 s.

  --minutes N   how long to run (20)
  --seed N      of the faults and of the work (random; it is printed)
  --help        this text

Exit code 0 if a fault explains each failure, all rows add up, heap and sockets did not grow, no request came after its
token's expiry, and nothing is left after $disconnect; 2 for a wrong command line; else 1.`

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

await runProgram(USAGE, async () => {
  const { help, ...values } = readValues(process.argv.slice(2), {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (help) {
    console.log(USAGE)
    return 0
  }
  const minutes = positiveNumber('minutes', values.minutes)
  const seed = wholeNumber('seed', values.seed, 0)
  console.log(`seed ${seed}; starting the local Azure …`)
  const report = await new Soak(seed).run(minutes, stop.signal)
  console.log(report.text(SOCKETS_ALLOWED))
  return report.problems(SOCKETS_ALLOWED).length === 0 ? 0 : 1
})
