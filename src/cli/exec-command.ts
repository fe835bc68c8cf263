import { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import { URL_FORMATS, type UrlFormat } from '../proxy/connection-strings.ts'
import { runChild } from './child.ts'
import { type DoorFlags, doorFlags, type OpenDoor, openDoor, troubleIn } from './door.ts'
import { ExitCode } from './exit-codes.ts'
import { oneOf } from './flag-values.ts'
import { DATABASE_URL } from './sign-in-flags.ts'
import { type Surroundings, say } from './surroundings.ts'

interface ExecFlags extends DoorFlags {
  url?: string
  env: string
  format: UrlFormat
  shadowDatabase?: string
}

/** The variable that tells the command where `--ca-file` was written to. */
const CA_FILE = 'PRISMA_MSSQL_ENTRA_CA_FILE'

const EXAMPLES = `
The connection string stands in the variable ${DATABASE_URL}, or in the one that --env names. For sqlcmd there are also
SQLCMDSERVER, SQLCMDUSER, SQLCMDPASSWORD and SQLCMDDBNAME. All name a proxy on 127.0.0.1 that runs until the command
ends; the string that you gave stays with this process. The file of --ca-file is named in ${CA_FILE}.

On Azure, name --shadow-database for "migrate dev" of Prisma 6, and url and shadowDatabaseUrl in its schema: without one
Prisma makes a database, which is billed.

Examples:
  $ prisma-mssql-entra exec -- npx prisma migrate deploy           # Prisma 6
  $ prisma-mssql-entra exec --url "sqlserver://myserver.database.windows.net;database=app" -- node seed.js
  $ prisma-mssql-entra exec --authentication AzureCli -- sqlcmd -C -Q "SELECT SUSER_SNAME()"
  $ prisma-mssql-entra exec --format jdbc --env FLYWAY_URL -- flyway migrate
`

/** `exec`: runs a command that knows only user and password. */
export function execCommand(surroundings: Surroundings): Command {
  const command = new Command('exec')
    .description('run a command with a connection string for a local proxy that signs in by token')
    .argument('<command...>', 'the command and its arguments, best after --')
    .option('--url <string>', `where to connect to (default: the value of ${DATABASE_URL})`)
    .option('--env <name>', 'the variable that the command finds its connection string in', DATABASE_URL)
    .option('--format <kind>', `of the connection string: ${URL_FORMATS.join(', ')}`, oneOf(URL_FORMATS), 'prisma')
    .option('--shadow-database <name>', 'an empty database, put into SHADOW_DATABASE_URL in the same way')
    .passThroughOptions()
  return doorFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async ([program = '', ...args]: string[], flags: ExecFlags) => {
      surroundings.setExitCode(await exec(program, args, flags, surroundings))
    })
}

async function exec(program: string, args: string[], flags: ExecFlags, surroundings: Surroundings): Promise<number> {
  let door: OpenDoor
  try {
    door = await openDoor(flags.url, flags, surroundings, {
      onEvent(event) {
        const trouble = troubleIn(event)
        if (trouble !== undefined) say(surroundings, trouble)
      },
    })
  } catch (error) {
    if (error instanceof EntraError) throw error
    say(surroundings, `The proxy could not be started: ${(error as Error).message}`)
    return ExitCode.EXEC_FAILED
  }
  try {
    const ending = await runChild(program, args, { ...surroundings.environment, ...variablesFor(door, flags) })
    if ('code' in ending) return ending.code
    const missing = ending.error.code === 'ENOENT'
    say(surroundings, missing ? `${program}: not found` : `${program} cannot be run: ${ending.error.message}`)
    return missing ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE
  } finally {
    await door.proxy.close()
  }
}

/** What the command finds in its environment. */
export function variablesFor(
  { proxy, target, schema, caFile }: OpenDoor,
  { env, format, shadowDatabase }: Pick<ExecFlags, 'env' | 'format' | 'shadowDatabase'>,
): Record<string, string> {
  const { host, port, user, password } = proxy
  return {
    [env]: proxy.url({ schema, format }),
    ...(shadowDatabase !== undefined && {
      SHADOW_DATABASE_URL: proxy.url({ database: shadowDatabase, schema, format }),
    }),
    SQLCMDSERVER: `${host},${port}`,
    SQLCMDUSER: user,
    SQLCMDPASSWORD: password,
    ...(target.database !== undefined && { SQLCMDDBNAME: target.database }),
    ...(caFile !== undefined && { [CA_FILE]: caFile }),
  }
}
