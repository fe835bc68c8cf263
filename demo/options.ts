import { readValues, wholeNumber } from './command-line.ts'

/** What the command line asks for. */
export interface DemoOptions {
  /** How long the workload runs, in s. */
  seconds: number
  workers: number
  /** How long tokens live, in s. */
  tokenLife: number
  /** Where the picture of the run goes. */
  svg: string | undefined
}

export const USAGE = `npm run demo -- [options]

Prisma Client on a local Azure that takes only Entra tokens, with tokens that live for seconds.

  --seconds N      how long to run (60)
  --workers N      how many work at once (8)
  --token-life N   how long a token lives, in seconds (15; at least 4)
  --svg FILE       draw a picture of the run
  --help           this text

Exit code 0 if at least one rotation happened, no query failed and no request came after its token's expiry; else 1.`

/**
 * Reads the command line; undefined where it asks for help.
 *
 * @throws UsageError
 */
export function readOptions(args: string[]): DemoOptions | undefined {
  const { help, ...values } = readValues(args, {
    seconds: { type: 'string', default: '60' },
    workers: { type: 'string', default: '8' },
    'token-life': { type: 'string', default: '15' },
    svg: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (help) return undefined
  return {
    seconds: wholeNumber('seconds', values.seconds, 1),
    workers: wholeNumber('workers', values.workers, 1),
    tokenLife: wholeNumber('token-life', values['token-life'], 4),
    svg: values.svg,
  }
}
