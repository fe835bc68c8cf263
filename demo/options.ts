import { readValues, wholeNumber } from '../scripts/support/command-line.ts'

/** The command line. */
export interface DemoOptions {
  /** How long the workload runs, in s. */
  seconds: number
  workers: number
  /** How long tokens live, in s. */
  tokenLife: number
  /** Whether the official adapter runs the same load. */
  compare: boolean
  /** The file for the picture of the run. */
  svg: string | undefined
  /** Whether to apply the example's migrations at the end. */
  migrate: boolean
}

export const USAGE = `npm run demo -- [options]

Prisma Client on a local Azure that only accepts Entra tokens, with tokens that live for seconds.

  --seconds N      how long to run (60)
  --workers N      how many workers run at once (8; with --compare 4 for each adapter)
  --token-life N   the lifetime of a token in seconds (15; at least 4)
  --compare        run the same load on the official adapter too, which is given a token once: at the expiry it fails
  --svg FILE       draw a picture of the run: best with 4 workers, on an idle machine
  --migrate        at the end, apply the example's migrations and 300 KB of inserts through the proxy of
                   prisma.config.ts, with a TDS client that only supports a user and password
  --help           this text

A terminal with colours shows a panel; without one, and with NO_COLOR, there is a line every two seconds.

Exit code 0 if at least one rotation happened, no query failed, no request came after its token's expiry, and what
--migrate inserted came back unchanged; 2 for a wrong command line; otherwise 1.`

/**
 * Reads the command line; undefined if it asks for help.
 *
 * @throws UsageError
 */
export function readOptions(args: string[]): DemoOptions | undefined {
  const { help, ...values } = readValues(args, {
    seconds: { type: 'string', default: '60' },
    workers: { type: 'string' },
    'token-life': { type: 'string', default: '15' },
    compare: { type: 'boolean', default: false },
    svg: { type: 'string' },
    migrate: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (help) return undefined
  return {
    seconds: wholeNumber('seconds', values.seconds, 1),
    workers: wholeNumber('workers', values.workers ?? (values.compare ? '4' : '8'), 1),
    tokenLife: wholeNumber('token-life', values['token-life'], 4),
    compare: values.compare,
    svg: values.svg,
    migrate: values.migrate,
  }
}
