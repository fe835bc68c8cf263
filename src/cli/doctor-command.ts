import { Command, InvalidArgumentError } from 'commander'
import { type DiagnoseOptions, diagnose } from '../doctor/diagnose.ts'
import type { StepReport } from '../doctor/examination.ts'
import type { StepResult } from '../doctor/step.ts'
import { EntraError } from '../errors/entra-error.ts'
import { holdEventLoop } from '../time/event-loop.ts'
import { conclusion, reportTo, resultsAsJson } from './doctor-report.ts'
import { ExitCode } from './exit-codes.ts'
import { connectionStringOf, DATABASE_URL, type SignInFlags, signInFlags, signInOf } from './sign-in-flags.ts'
import { stopOn } from './stop-signals.ts'
import type { Surroundings } from './surroundings.ts'

interface DoctorFlags extends SignInFlags {
  timeout?: number
  json?: boolean
  verbose?: boolean
}

const EXAMPLES = `
Goes through what a login needs: the string, DNS, TCP, PRELOGIN and TLS, whether the server takes Entra logins, the token,
the login, whom the database takes you for, the rights for Prisma Client and Prisma Migrate, the clock, and how long it
takes. The token is shown nowhere.

  ✓ as it should be   ! look at it   ✗ failed, with what to do   – not looked at, since it needs what failed

Exit codes: 0 nothing failed; 1 something did; 2 the connection string or an argument is wrong; 130 stopped by Ctrl-C.

Examples:
  $ prisma-mssql-entra doctor                                      # of ${DATABASE_URL}
  $ prisma-mssql-entra doctor "sqlserver://myserver.database.windows.net;database=app" --verbose
  $ prisma-mssql-entra doctor --authentication AzureCli --timeout 20
  $ prisma-mssql-entra doctor --json | jq -r '.steps[] | select(.status == "failed") | .error.message'
`

/** For tests. */
export type DoctorDefaults = Omit<DiagnoseOptions, 'timeout' | 'signal'>

/** `doctor`: says what signs in, as whom, and what is missing. */
export function doctorCommand(
  surroundings: Pick<Surroundings, 'out' | 'environment' | 'setExitCode'>,
  defaults: DoctorDefaults = {},
): Command {
  const command = new Command('doctor')
    .description('go through what a login needs, and say what is missing')
    .argument('[url]', `where to connect to (default: the value of ${DATABASE_URL})`)
    .option(
      '--timeout <seconds>',
      'how long all of it may take (default: 60, or longer where a token may take longer)',
      seconds,
    )
    .option('--verbose', 'show all that was found out')
    .option('--json', 'print one JSON document')
  return signInFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (url: string | undefined, flags: DoctorFlags) => {
      const { out, environment } = surroundings
      const { timeout, json = false, verbose = false } = flags
      const given = connectionStringOf(url, environment)
      using stop = stopOn('SIGINT', 'SIGTERM')
      const options: DiagnoseOptions = { ...defaults, ...signInOf(flags), signal: stop.signal }
      if (timeout !== undefined) options.timeout = timeout
      const results = await holdEventLoop(diagnose(given, options, json ? SILENT : reportTo(out, { verbose })))
      out.write(json ? resultsAsJson(results) : conclusion(results, out))
      surroundings.setExitCode(stop.exitCode() ?? exitCodeOf(results))
    })
}

const SILENT: StepReport = { started() {}, finished() {} }

/** What results end the process with. */
export function exitCodeOf(results: readonly StepResult[]): number {
  const failed = results.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return ExitCode.OK
  const config = failed.some(({ error }) => error instanceof EntraError && error.code.startsWith('CONFIG_'))
  return config ? ExitCode.USAGE : ExitCode.FAILED
}

/** Reads a number of seconds as ms. */
function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 3600)) throw new InvalidArgumentError('It must be a number of seconds up to 3600.')
  return value * 1000
}
