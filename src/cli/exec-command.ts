import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { Command, Option } from 'commander'
import spawn from 'cross-spawn'
import { EntraError } from '../errors/entra-error.ts'
import { URL_FORMATS, type UrlFormat } from '../proxy/connection-strings.ts'
import { problemIn } from '../proxy/events.ts'
import { checkShadowDatabase } from '../proxy/prisma-guards.ts'
import { DATABASE_URL, isConnectionString } from './flags.ts'
import { type OpenProxy, openProxy, type ProxyFlags, proxyFlags } from './open-proxy.ts'
import type { Datasource } from './prisma-config-file.ts'
import { type CliContext, ExitCode, say } from './process.ts'
import { summarizeRefusals } from './refusals.ts'

interface ExecFlags extends ProxyFlags {
  env: string
  format: UrlFormat
  shadowDatabase?: string
}

/** The variable that tells the command the file of `--ca-file`. */
const CA_FILE = 'PRISMA_MSSQL_ENTRA_CA_FILE'

const SHADOW_DATABASE_REMEDY =
  'name it with --shadow-database, and SHADOW_DATABASE_URL as the shadowDatabaseUrl of Prisma'

const HELP = `
The command finds its connection string in ${DATABASE_URL}, or in the variable that --env names. For sqlcmd there are also
SQLCMDSERVER, SQLCMDUSER, SQLCMDPASSWORD and SQLCMDDBNAME. All of them point to a proxy on 127.0.0.1 that runs until the
command ends. The command does not get your own connection string, nor any variable that holds it. ${CA_FILE}
names the file of --ca-file.

On Azure, "prisma migrate dev" needs --shadow-database, and a shadowDatabaseUrl that reads SHADOW_DATABASE_URL: otherwise
Prisma would create a database, which costs money, so that is refused. To let the command connect to master, name master in
the string.

Examples:
  $ prisma-mssql-entra exec -- npx prisma migrate deploy           # Prisma 6
  $ prisma-mssql-entra exec --url "sqlserver://myserver.database.windows.net;database=app" -- node seed.js
  $ prisma-mssql-entra exec --authentication AzureCli -- sqlcmd -C -Q "SELECT SUSER_SNAME()"
  $ prisma-mssql-entra exec --format jdbc --env FLYWAY_URL -- flyway migrate
`

/** `exec`: runs a command that only supports a user and password. */
export function execCommand(context: CliContext): Command {
  const command = new Command('exec')
    .description('run a command with a connection string for a local proxy that signs in with a token')
    .argument('<command...>', 'the command and its arguments, best after --; a connection string may come before it')
    .passThroughOptions()
  return proxyFlags(command)
    .optionsGroup('The command:')
    .option('--env <name>', 'the variable in which the command finds its connection string', DATABASE_URL)
    .addOption(new Option('--format <kind>', 'the format of that string').choices(URL_FORMATS).default('prisma'))
    .option('--shadow-database <name>', 'an empty database, whose connection string is in SHADOW_DATABASE_URL')
    .addHelpText('after', HELP)
    .action(async (words: string[], flags: ExecFlags) => {
      const [first = ''] = words
      const url = isConnectionString(first) ? first : undefined
      const rest = url === undefined ? words : words.slice(1)
      const [program, ...args] = rest[0] === '--' ? rest.slice(1) : rest
      if (program === undefined) throw new EntraError('CONFIG_INVALID', 'Pass the command after the connection string.')
      context.setExitCode(await exec(url, program, args, flags, context))
    })
}

async function exec(
  url: string | undefined,
  program: string,
  args: string[],
  flags: ExecFlags,
  context: CliContext,
): Promise<number> {
  let opened: OpenProxy
  const refused = summarizeRefusals((text) => say(context, text))
  try {
    opened = await openProxy(url, flags, context, {
      format: flags.format,
      shadowDatabaseRemedy: SHADOW_DATABASE_REMEDY,
      onEvent(event) {
        if (event.type === 'proxy.login-refused') refused(event.reason)
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
    const variables = variablesFor(opened, flags)
    const environment = { ...withoutString(context.environment, opened.datasource.config), ...variables }
    return await runChild(program, args, environment)
  } catch (error) {
    if (error instanceof EntraError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    say(context, code === 'ENOENT' ? `${program}: not found` : `${program} cannot be run: ${message}`)
    return code === 'ENOENT' ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE
  } finally {
    await opened.proxy.close()
  }
}

/**
 * The environment without the variables that hold the connection string, which may hold a secret: npm, for example, passes on
 * the whole line of a script. Nor with a string that it was made of.
 */
function withoutString(environment: NodeJS.ProcessEnv, config: Datasource['config']): NodeJS.ProcessEnv {
  const connectionString = typeof config === 'string' ? config.trim() : ''
  if (connectionString === '') return environment
  const holds = (value = '') =>
    value.includes(connectionString) || (isConnectionString(value) && connectionString.includes(value.trim()))
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => !holds(value)))
}

function variablesFor(
  { proxy, target, datasource, url, caFile }: OpenProxy,
  { env, shadowDatabase = datasource.options.shadowDatabase }: ExecFlags,
): Record<string, string> {
  checkShadowDatabase(target, shadowDatabase, '--shadow-database')
  return {
    [env]: url(),
    ...(shadowDatabase !== undefined && { SHADOW_DATABASE_URL: url({ database: shadowDatabase }) }),
    SQLCMDSERVER: `${proxy.host},${proxy.port}`,
    SQLCMDUSER: proxy.user,
    SQLCMDPASSWORD: proxy.password,
    ...(target.database !== undefined && { SQLCMDDBNAME: target.database }),
    ...(caFile !== undefined && { [CA_FILE]: caFile }),
  }
}

/** Signals to pass on. SIGKILL and SIGSTOP cannot be caught. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT', 'SIGQUIT']

/** Signals that a terminal sends to all processes in its foreground, so that the child already has them. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/**
 * Runs a command on this process's terminal, and passes signals on to it until it ends: Ctrl-C reaches it once.
 *
 * @returns its exit code, or 128 + the number of the signal that ended it
 * @throws the system's error if it cannot be run
 */
async function runChild(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, [...args], { stdio: 'inherit', env })
  const passOn = (signal: NodeJS.Signals) => {
    if (!FROM_TERMINAL.includes(signal) || !isInForeground()) child.kill(signal)
  }
  for (const signal of PASSED_ON) process.on(signal, passOn)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals]
    return code ?? 128 + constants.signals[signal]
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn)
  }
}

/** Whether a terminal has this process in its foreground. A Windows console sends Ctrl-C to all of its processes. */
function isInForeground(): boolean {
  if (process.platform === 'win32') return true
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-o', 'stat=', '-p', `${process.pid}`], { encoding: 'utf8' }).includes('+')
  }
  // Small images have no ps. proc(5): pid (command) state ppid pgrp session tty_nr tpgid
  const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return group === foreground
}
