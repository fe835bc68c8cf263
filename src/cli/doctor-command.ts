import { Command } from 'commander'
import { type DiagnoseOptions, diagnose } from '../doctor/diagnose.ts'
import { type OnStep, STEPS, type StepId, type StepResult } from '../doctor/steps.ts'
import { EntraError } from '../errors/entra-error.ts'
import { holdEventLoop } from '../time/event-loop.ts'
import { datasourceOf } from './datasource.ts'
import { printSteps, resultsAsJson, summaryOf } from './doctor-report.ts'
import { type SignInFlags, seconds, signInFlags } from './flags.ts'
import { type CliContext, ExitCode, stopOn } from './process.ts'
import { sayWaits } from './waiting.ts'

interface DoctorFlags extends SignInFlags {
  timeout?: number
  json?: boolean
  verbose?: boolean
}

const HELP = `
Checks what a login needs: the string, DNS, TCP, PRELOGIN and TLS, whether the server accepts Entra logins, the token, the
login, who you are in the database, the rights for Prisma Client and Prisma Migrate, the clock, and the latency. It never
shows the token.

  ✓ passed   ! works, but needs attention   ✗ failed, with what to do   – skipped, because it needs a step that failed

Exit codes: 0 nothing failed; 1 something did; 2 wrong connection string or arguments; 130 stopped by Ctrl-C.

Examples:
  $ prisma-mssql-entra doctor                                      # uses prisma.config.ts, or DATABASE_URL
  $ prisma-mssql-entra doctor "sqlserver://myserver.database.windows.net;database=app" --verbose
  $ prisma-mssql-entra doctor --authentication AzureCli --timeout 20
  $ prisma-mssql-entra doctor --json | jq -r '.steps[] | select(.status == "failed") | .error.message'
`

/**
 * `doctor`: says what signs in, as whom, and what is missing.
 *
 * @param defaults - for tests
 */
export function doctorCommand(
  context: CliContext,
  defaults: Omit<DiagnoseOptions, 'timeout' | 'signal'> = {},
): Command {
  const command = new Command('doctor')
    .description('check everything that a login needs, and report what is missing')
    .argument('[url]', 'a connection string')
  return signInFlags(command)
    .optionsGroup('Output:')
    .option('--timeout <seconds>', 'limits the whole run (default: 60, or more if a login may take longer)', seconds)
    .option('--verbose', 'show all details of each step')
    .option('--json', 'print one JSON document')
    .addHelpText('after', HELP)
    .action(async (url: string | undefined, flags: DoctorFlags) => {
      const { out } = context
      const { json = false, verbose = false, timeout } = flags
      const { config, options } = await datasourceOf(url, flags, context)
      using stop = stopOn('SIGINT', 'SIGTERM')
      const print = json ? () => {} : printSteps(out, verbose)
      let current: StepId | undefined
      const onStep: OnStep = (id, result) => {
        current = result === undefined ? id : undefined
        print(id, result)
        waits.look()
      }
      using waits = sayWaits(context, () => current && STEPS[current])
      const results = await holdEventLoop(
        diagnose(
          config,
          { ...defaults, ...options, ...(timeout !== undefined && { timeout }), signal: stop.signal },
          onStep,
        ),
      )
      out.write(json ? resultsAsJson(results) : summaryOf(results, out))
      context.setExitCode(stop.exitCode() ?? exitCodeOf(results))
    })
}

export function exitCodeOf(results: readonly StepResult[]): number {
  const failed = results.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return ExitCode.OK
  const config = failed.some(({ error }) => error instanceof EntraError && error.code.startsWith('CONFIG_'))
  return config ? ExitCode.USAGE : ExitCode.FAILED
}
