import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { DEFAULT_PORT } from '../config/address.ts'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { printable } from '../errors/wording.ts'
import type { AuthorityEvent } from '../testing/authority/events.ts'
import type { GatewayEvent } from '../testing/gateway/events.ts'
import { datasourceOf } from './datasource.ts'
import { eventLine } from './event-lines.ts'
import { portNumber, type SignInFlags } from './flags.ts'
import type { LocalEntra } from './local-entra.ts'
import { type CliContext, cannotListen, ExitCode, type Output, say, stopOn } from './process.ts'

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
  const { LocalEntra } = await loadLocalEntra()
  let local: LocalEntra
  try {
    local = await LocalEntra.start({
      config,
      port,
      tokenLifetime,
      onEvent: (event) => out.write(lineOf(event, local, out)),
      onFaultEnd: (text) => out.write(eventLine(Date.now(), '*', 'yellow', text, out)),
    })
  } catch (error) {
    return cannotListen(context, port, error)
  }
  try {
    if (envFile !== undefined) writeEnvFile(envFile, local.environment)
    out.write(introduction(local, tokenLifetime, envFile))
    void local.whyNot().then((why) => why && say(context, `No login will work yet: ${why}`))
    using keys = listenTo(keyboard, (key) => {
      const text = local.press(key)
      if (text !== undefined) out.write(eventLine(Date.now(), '*', 'yellow', text, out))
    })
    if (keys.heard) out.write(`Keys:${KEYS}\n`)
    await Promise.race([stopped, keys.quit])
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
    `A local Entra ID, and a gateway in front of ${nameOf(local)}. Tokens live for ${tokenLifetime / 1000} s.\n\n`,
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
      const from = event.byUpstream ? `, from ${nameOf(local)}` : ''
      return line('!', 'red', `A login was refused: ${event.message} (error ${event.number}${from})`)
    }
  }
}

function nameOf({ upstream: { host, port = DEFAULT_PORT } }: Pick<LocalEntra, 'upstream'>): string {
  return printable(`${host}:${port}`)
}

/** Keys, until disposed. */
interface Keys extends Disposable {
  /** Whether there is a keyboard. */
  heard: boolean
  /** Resolves on q and Ctrl-C; never without a keyboard. */
  quit: Promise<void>
}

const QUIT = ['q', '\u0003', '\u0004']

function listenTo(keyboard: Keyboard, press: (key: string) => void): Keys {
  let resolve = () => {}
  const quit = new Promise<void>((resolved) => {
    resolve = resolved
  })
  if (keyboard.isTTY !== true) return { heard: false, quit, [Symbol.dispose]() {} }
  const onData = (typed: Buffer | string) => {
    for (const key of String(typed)) {
      if (QUIT.includes(key)) resolve()
      else press(key.toLowerCase())
    }
  }
  // Each key at once, and Ctrl-C as a key.
  keyboard.setRawMode?.(true)
  keyboard.on('data', onData)
  return {
    heard: true,
    quit,
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
