import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import { doctorCommand } from './doctor-command.ts'
import { execCommand } from './exec-command.ts'
import { EXIT_CODES, ExitCode } from './exit-codes.ts'
import { proxyCommand } from './proxy-command.ts'
import { NAME, type Surroundings, say } from './surroundings.ts'

const EXAMPLES = `
Examples:
  $ ${NAME} doctor "sqlserver://myserver.database.windows.net;database=app"
  $ ${NAME} exec -- npx prisma migrate deploy
  $ ${NAME} proxy "sqlserver://myserver.database.windows.net;database=app" --port 14330

Prisma 7 needs none of this: its commands sign in by themselves with entraDatasource in prisma.config.ts.
`

/** The command with all of its parts. */
export function programIn(surroundings: Surroundings): Command {
  const { out, err } = surroundings
  const program = new Command(NAME)
    .description('Microsoft Entra sign-in for tools that know only user and password, on Azure SQL and SQL Server')
    .version(version())
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES + EXIT_CODES)
  for (const part of [doctorCommand(surroundings), execCommand(surroundings), proxyCommand(surroundings)])
    program.addCommand(part)
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: (text) => out.write(text), writeErr: (text) => err.write(text) })
  }
  return program
}

function version(): string {
  return createRequire(import.meta.url)('prisma-adapter-mssql-entra/package.json').version
}

/** Runs the command. What went wrong is said, and told by the exit code. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<void> {
  try {
    await programIn(surroundings).parseAsync([...args], { from: 'user' })
  } catch (error) {
    surroundings.setExitCode(failed(error, surroundings))
  }
}

function failed(error: unknown, surroundings: Surroundings): number {
  // commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE
  if (!(error instanceof EntraError)) throw error
  say(surroundings, error.message)
  return error.code.startsWith('CONFIG_') ? ExitCode.USAGE : ExitCode.FAILED
}
