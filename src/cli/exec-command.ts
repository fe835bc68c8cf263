import { constants } from 'node:os'
import { Command } from 'commander'
import spawn from 'cross-spawn'
import { EntraError } from '../errors/entra-error.ts'
import { URL_FORMATS, type UrlFormat } from '../proxy/connection-strings.ts'
import { DATABASE_URL, oneOf } from './flags.ts'
import { type OpenProxy, openProxy, type ProxyFlags, problemIn, proxyFlags } from './open-proxy.ts'
import { type CliContext, ExitCode, say } from './process.ts'

interface ExecFlags extends ProxyFlags {
  url?: string
  env: string
  format: UrlFormat
  shadowDatabase?: string
}

/** The variable that tells the command the file of `--ca-file`. */
const CA_FILE = 'PRISMA_MSSQL_ENTRA_CA_FILE'

const EXAMPLES = `
The command finds its connection string in ${DATABASE_URL}, or in the variable that --env names. For sqlcmd there are also
SQLCMDSERVER, SQLCMDUSER, SQLCMDPASSWORD and SQLCMDDBNAME. All of them point to a proxy on 127.0.0.1 that runs until the
command ends; the command never sees the string that you pass here. ${CA_FILE} names the file of --ca-file.

On Azure, "migrate dev" of Prisma 6 needs --shadow-database, and url and shadowDatabaseUrl in its schema: without one
Prisma creates a database, which is billed.

Examples:
  $ prisma-mssql-entra exec -- npx prisma migrate deploy           # Prisma 6
  $ prisma-mssql-entra exec --url "sqlserver://myserver.database.windows.net;database=app" -- node seed.js
  $ prisma-mssql-entra exec --authentication AzureCli -- sqlcmd -C -Q "SELECT SUSER_SNAME()"
  $ prisma-mssql-entra exec --format jdbc --env FLYWAY_URL -- flyway migrate
`

/** `exec`: runs a command that only knows user and password. */
export function execCommand(context: CliContext): Command {
  const command = new Command('exec')
    .description('run a command with a connection string for a local proxy that signs in with a token')
    .argument('<command...>', 'the command and its arguments, best after --')
    .option('--url <string>', `where to connect to (default: the value of ${DATABASE_URL})`)
    .option('--env <name>', 'the variable in which the command finds its connection string', DATABASE_URL)
    .option('--format <kind>', `of the connection string: ${URL_FORMATS.join(', ')}`, oneOf(URL_FORMATS), 'prisma')
    .option('--shadow-database <name>', 'an empty database, passed in SHADOW_DATABASE_URL in the same way')
    .passThroughOptions()
  return proxyFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async ([program = '', ...args]: string[], flags: ExecFlags) => {
      context.setExitCode(await exec(program, args, flags, context))
    })
}

async function exec(program: string, args: string[], flags: ExecFlags, context: CliContext): Promise<number> {
  let opened: OpenProxy
  try {
    opened = await openProxy(flags.url, flags, context, {
      onEvent(event) {
        const problem = problemIn(event)
        if (problem !== undefined) say(context, problem)
      },
    })
  } catch (error) {
    if (error instanceof EntraError) throw error
    say(context, `The proxy could not start: ${(error as Error).message}`)
    return ExitCode.EXEC_FAILED
  }
  try {
    return await runChild(program, args, { ...context.environment, ...variablesFor(opened, flags) })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    say(context, code === 'ENOENT' ? `${program}: not found` : `${program} cannot be run: ${message}`)
    return code === 'ENOENT' ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE
  } finally {
    await opened.proxy.close()
  }
}

function variablesFor({ proxy, target, schema, caFile }: OpenProxy, flags: ExecFlags): Record<string, string> {
  const { env, format, shadowDatabase } = flags
  return {
    [env]: proxy.url({ schema, format }),
    ...(shadowDatabase !== undefined && {
      SHADOW_DATABASE_URL: proxy.url({ database: shadowDatabase, schema, format }),
    }),
    SQLCMDSERVER: `${proxy.host},${proxy.port}`,
    SQLCMDUSER: proxy.user,
    SQLCMDPASSWORD: proxy.password,
    ...(target.database !== undefined && { SQLCMDDBNAME: target.database }),
    ...(caFile !== undefined && { [CA_FILE]: caFile }),
  }
}

/** Signals to pass on. SIGKILL and SIGSTOP cannot be caught. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGCONT', 'SIGWINCH']

/** Signals that a terminal sends to all its foreground processes, so the child already has them. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/**
 * Runs a command on this process's terminal, and passes signals on to it until it ends.
 *
 * @returns its exit code, or 128 + the number of the signal that ended it
 * @throws the system's error if it cannot be run
 */
async function runChild(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, [...args], { stdio: 'inherit', env })
  const listener = (signal: NodeJS.Signals) => {
    if (!(FROM_TERMINAL.includes(signal) && process.stdin.isTTY)) child.kill(signal)
  }
  const signals = [...PASSED_ON, ...FROM_TERMINAL]
  for (const signal of signals) process.on(signal, listener)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
    })
  } finally {
    for (const signal of signals) process.off(signal, listener)
  }
}
