import { positiveNumber, readValues, runProgram, wholeNumber } from '../scripts/support/command-line.ts'
import { PROXY_SOCKETS, soakProxy } from './proxy-soak.ts'
import { SOCKETS_ALLOWED, Soak } from './soak.ts'

const USAGE = `npm run soak -- [options]

Prisma Client and the adapter in one process, a local Azure with random faults in another, and tokens of 10 s.

  --proxy       the proxy instead, with 50 clients at once that come, go, die and misbehave
  --minutes N   how long to run (20; the proxy 10)
  --seed N      of the faults and of the work (random; it is printed)
  --help        this text

Exit code 0 if a fault explains each failure, all rows add up, heap and sockets did not grow, no request came after its
token's expiry unless a process stood still, and nothing is left after $disconnect, or after the clients of the proxy; 2
for a wrong command line; else 1.`

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

await runProgram(USAGE, async () => {
  const { help, ...values } = readValues(process.argv.slice(2), {
    proxy: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (help) {
    console.log(USAGE)
    return 0
  }
  const minutes = positiveNumber('minutes', values.minutes ?? (values.proxy ? '10' : '20'))
  const seed = wholeNumber('seed', values.seed, 0)
  console.log(`seed ${seed}; starting the local Azure …`)
  const allowed = values.proxy ? PROXY_SOCKETS : SOCKETS_ALLOWED
  const report = await (values.proxy ? soakProxy(seed, minutes, stop.signal) : new Soak(seed).run(minutes, stop.signal))
  console.log(report.text(allowed))
  return report.problems(allowed).length === 0 ? 0 : 1
})
