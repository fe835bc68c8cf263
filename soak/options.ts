import { positiveNumber, readValues, wholeNumber } from '../demo/command-line.ts'

/** What the command line asks for. */
export interface SoakOptions {
  /** How long the workload runs, in min. */
  minutes: number
  /** Of the plan of faults, and of what the workers do. */
  seed: number
  /** How long tokens live, in s. */
  tokenLife: number
  workers: number
  /** Connections of one pool at most. */
  max: number
  /** Where the figures go, as JSON. */
  json: string | undefined
}

export const USAGE = `npm run soak -- [options]

Prisma Client and the adapter in one process, a local Azure with random faults in another, and tokens that live for
seconds.

  --minutes N      how long to run (20)
  --seed N         of the plan of faults (random; it is printed)
  --token-life N   how long a token lives, in seconds (10; at least 8)
  --workers N      how many work at once (8)
  --max N          connections of one pool at most (5)
  --json FILE      write the figures to a file
  --help           this text

Exit code 0 if every failure has its cause in a fault, every row adds up, heap and sockets did not grow, no request came
after its token's expiry, and nothing is left after $disconnect; else 1.`

/**
 * Reads the command line; undefined where it asks for help.
 *
 * @param randomSeed - the seed where none is given
 * @throws UsageError
 */
export function readOptions(args: string[], randomSeed: number): SoakOptions | undefined {
  const { help, ...values } = readValues(args, {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(randomSeed) },
    'token-life': { type: 'string', default: '10' },
    workers: { type: 'string', default: '8' },
    max: { type: 'string', default: '5' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (help) return undefined
  return {
    minutes: positiveNumber('minutes', values.minutes),
    seed: wholeNumber('seed', values.seed, 0),
    tokenLife: wholeNumber('token-life', values['token-life'], 8),
    workers: wholeNumber('workers', values.workers, 1),
    max: wholeNumber('max', values.max, 1),
    json: values.json,
  }
}
