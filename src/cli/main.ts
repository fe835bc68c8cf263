#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import { printable, wrapped } from '../errors/wording.ts'
import { devCommand } from './dev-command.ts'
import { doctorCommand } from './doctor-command.ts'
import { execCommand } from './exec-command.ts'
import {
  type CliContext,
  EXIT_CODES,
  ExitCode,
  endWithReader,
  NAME,
  outputTo,
  reflowed,
  say,
  VERSION,
} from './process.ts'
import { proxyCommand } from './proxy-command.ts'

const EXAMPLES = `
Examples:
  $ ${NAME} doctor "sqlserver://myserver.database.windows.net;database=app"
  $ ${NAME} exec -- npx prisma migrate deploy
  $ ${NAME} proxy "sqlserver://myserver.database.windows.net;database=app" --port 14330

Prisma 7 does not need it: its commands sign in by themselves with entraDatasource in prisma.config.ts.
`

const outliveReader = endWithReader(process.stdout, process.stderr)
const context: CliContext = {
  out: outputTo(process.stdout),
  err: outputTo(process.stderr),
  environment: process.env,
  setExitCode: (code) => {
    process.exitCode = code
  },
  outliveReader,
}
void main()

/** Not by top-level await, which a bundle of CommonJS cannot have. */
async function main(): Promise<void> {
  try {
    await programOf(context).parseAsync()
  } catch (error) {
    process.exitCode = exitCodeFor(error)
  }
  // What a credential still does (a browser, `az`, a request) must not keep a finished command alive.
  // An immediate later, the streams have reported that nobody reads them.
  process.stdout.write('', () => process.stderr.write('', () => setImmediate(() => process.exit())))
}

function programOf(context: CliContext): Command {
  const program = new Command(NAME)
    .description('Microsoft Entra sign-in to Azure SQL and SQL Server for tools that only support a user and password')
    .version(VERSION)
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES + EXIT_CODES)
    .addCommand(devCommand(context))
    .addCommand(doctorCommand(context))
    .addCommand(execCommand(context))
    .addCommand(proxyCommand(context))
  const writeErr = (text: string) => context.err.write(wrapped(printable(text), context.err.width))
  const writeOut = (text: string) => context.out.write(reflowed(text, process.stdout.columns ?? 80))
  for (const command of [program, ...program.commands]) command.exitOverride().configureOutput({ writeErr, writeOut })
  return program
}

/** Says what went wrong, unless commander has done so already. */
function exitCodeFor(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE
  if (!(error instanceof EntraError)) throw error
  say(context, error.message)
  return error.code.startsWith('CONFIG_') ? ExitCode.USAGE : ExitCode.FAILED
}
