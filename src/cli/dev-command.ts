import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { printable } from '../errors/wording.ts'
import type { AuthorityEvent } from '../testing/authority/events.ts'
import type { GatewayEvent } from '../testing/gateway/events.ts'
import { datasourceOf } from './datasource.ts'
import { portNumber, type SignInFlags } from './flags.ts'
import type { LocalEntra } from './local-entra.ts'
import { type CliContext, cannotListen, ExitCode, eventLine, type Output, say, stopOn } from './process.ts'

interface DevFlags extends Pick<SignInFlags, 'url' | 'config'> {
  port?: number
  tokenLifetime?: number
  // Not --env-file: Node 20 treats that as its own option, even after the script (nodejs/node#54232).
  writeEnv?: string
}

/** Where keys come from: standard input. */
export type Keyboard = NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown }

const HELP = `
Lets you use Entra tokens with your own SQL Server, such as a container: a local Entra ID issues them to @azure/identity, and
a gateway accepts them and logs in with the user and password of the connection string. So you can try sign-in, expiry and
rotation without Azure. Listens on 127.0.0.1 only. Needs jose (npm install --save-dev jose).

Examples:
  $ prisma-mssql-entra dev "sqlserver://localhost:1433;user=sa;password=…;database=app;trustServerCertificate=true"
  $ prisma-mssql-entra dev --token-lifetime 60s --write-env .env.entra    # what DATABASE_URL says
  $ node --env-file=.env.entra app.js                                     # in another terminal
`

const KEYS = `
  f  the next login is refused
  p  the database is paused for 20 s
  t  the token endpoint is down, until you press t again
  e  all tokens expire now, and all sessions are cut
  q  quit
`

/** `dev`: a local Entra ID and a gateway, for a SQL Server that accepts no tokens. @param keyboard - for tests */
export function devCommand(context: CliContext, keyboard: Keyboard = process.stdin): Command {
  return new Command('dev')
    .description('run a local Entra ID and a gateway in front of your SQL Server, to try tokens without Azure')
    .argument('[url]', 'a connection string with a user and a password')
    .option('--url <string>', 'the connection string, instead of the argument')
    .option('--config <file>', 'take it from entraDatasource(…) in this file')
    .option('--port <number>', 'the port of the gateway (default: a free one)', portNumber)
    .option('--token-lifetime <duration>', 'how long tokens live: 90s, 5m, 1h (default: 5m)', duration)
    .option('--write-env <file>', 'write the environment variables there, for node --env-file and dotenv')
    .addHelpText('after', `\nKeys, on a terminal:${KEYS}${HELP}`)
    .action(async (url: string | undefined, flags: DevFlags) => {
      context.setExitCode(await keepOpen(url, flags, context, keyboard))
    })
}

async function keepOpen(
  url: string | undefined,
  { port = 0, tokenLifetime = 300_000, writeEnv: envFile, ...place }: DevFlags,
  context: CliContext,
  keyboard: Keyboard,
): Promise<number> {
  const { out } = context
  context.outliveReader()
  using stop = stopOn('SIGINT', 'SIGTERM', 'SIGHUP')
  const stopped = once(stop.signal, 'abort')
  const { config } = await datasourceOf(url, place, context)
  const { startLocalEntra } = await loadLocalEntra()
  const note = (text: string) => out.write(eventLine(Date.now(), '*', 'yellow', text, out))
  let local: LocalEntra
  try {
    const onEvent = (event: AuthorityEvent | GatewayEvent) => out.write(lineOf(event, local, out))
    local = await startLocalEntra({ config, port, tokenLifetime, onEvent, onFaultEnd: note })
  } catch (error) {
    return cannotListen(context, port, error)
  }
  try {
    if (envFile !== undefined) writeEnvFile(envFile, local.environment)
    out.write(introduction(local, tokenLifetime, envFile))
    void local.whyNot().then((why) => why && say(context, `No login will work yet: ${why}`))
    const quit = new AbortController()
    const press = (key: string) => {
      if (QUIT.includes(key)) quit.abort()
      const text = local.press(key.toLowerCase())
      if (text !== undefined) note(text)
    }
    using _ = keyboard.isTTY ? listenTo(keyboard, press) : undefined
    if (keyboard.isTTY) out.write(`Keys:${KEYS}\n`)
    await Promise.race([stopped, once(quit.signal, 'abort')])
  } finally {
    await local.close()
  }
  return ExitCode.OK
}

/** @throws EntraError `DEPENDENCY_MISSING` */
async function loadLocalEntra(): Promise<typeof import('./local-entra.ts')> {
  try {
    return await import('./local-entra.ts')
  } catch (cause) {
    const text = `dev signs tokens with jose, which could not be loaded: npm install --save-dev jose (${reasonOf(cause)})`
    throw new EntraError('DEPENDENCY_MISSING', text, { cause })
  }
}

/** Everything that an application needs, to copy. */
function introduction(local: LocalEntra, tokenLifetime: number, envFile?: string): string {
  const { environment, caFile } = local
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}`)
  return [
    `A local Entra ID, and a gateway in front of ${printable(local.server)}. Tokens live for ${tokenLifetime / 1000} s.\n\n`,
    `  ${printable(environment.DATABASE_URL ?? '')}\n\n`,
    'In the shell of your application:\n\n',
    `  export ${printable(assignments.join(' '))}\n\n`,
    ...(envFile === undefined
      ? []
      : [`The same is in ${printable(envFile)}: node --env-file=${printable(envFile)} …\n`]),
    `The certificate authority of both is in ${printable(caFile)} as long as this runs. Ctrl-C ends it.\n\n`,
  ].join('')
}

/** For shells, and for readers of env files. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}

const WRITTEN = '# Written by prisma-mssql-entra dev.'

/** @throws EntraError `CONFIG_INVALID` if the file is somebody else's, or cannot be written */
function writeEnvFile(file: string, environment: Readonly<Record<string, string>>): void {
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}\n`)
  try {
    if (!isOurs(file)) throw new Error('it exists, and was not written by dev')
    writeFileSync(file, `${WRITTEN}\n${lines.join('')}`, { mode: 0o600 })
  } catch (cause) {
    throw new EntraError('CONFIG_INVALID', `--write-env ${file} cannot be written: ${reasonOf(cause)}.`, { cause })
  }
}

function isOurs(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').startsWith(WRITTEN)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}

function lineOf(event: AuthorityEvent | GatewayEvent, local: LocalEntra, out: Output): string {
  const line = (...[mark, colour, text]: ['+' | '✓' | '!', 'green' | 'red', string]) =>
    eventLine(Date.now(), mark, colour, text, out)
  switch (event.type) {
    case 'authority.token': {
      const until = new Date(event.expiresOn).toLocaleTimeString('en-GB')
      return line('✓', 'green', `A token for ${event.principal}, until ${until}.`)
    }
    case 'authority.refused':
      return line('!', 'red', `A request for a token was refused (HTTP ${event.status}).`)
    case 'gateway.login':
      return line(
        '+',
        'green',
        `A login of ${local.nameOf(event.objectId)}, database ${event.database ?? '(default)'}.`,
      )
    default: {
      const from = event.byUpstream ? `, from ${printable(local.server)}` : ''
      return line('!', 'red', `A login was refused: ${event.message} (error ${event.number}${from})`)
    }
  }
}

const QUIT = ['q', '\u0003', '\u0004']

/** Calls back for each key, until disposed: for each at once, and for Ctrl-C as a key. */
function listenTo(keyboard: Keyboard, press: (key: string) => void): Disposable {
  const onData = (typed: Buffer | string) => {
    for (const key of String(typed)) press(key)
  }
  keyboard.setRawMode?.(true)
  keyboard.on('data', onData)
  return {
    [Symbol.dispose]() {
      keyboard.off('data', onData)
      keyboard.setRawMode?.(false)
      keyboard.pause()
    },
  }
}

const UNITS = { s: 1000, m: 60_000, h: 3_600_000 } as const

/** Parses a duration (`90s`, `5m`, `1h`) into ms. */
function duration(text: string): number {
  const [, number, unit] = /^(\d+)(s|m|h)$/.exec(text) ?? []
  const value = Number(number) * UNITS[unit as keyof typeof UNITS]
  if (!(value > 0 && value <= 24 * UNITS.h)) throw new InvalidArgumentError('It must be 90s, 5m, 1h; 24h at most.')
  return value
}
