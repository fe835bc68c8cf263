import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import { printable, printableJson } from '../errors/wording.ts'
import { URL_FORMATS } from '../proxy/connection-strings.ts'
import { type ProxyEvent, type ProxyStats, problemIn } from '../proxy/events.ts'
import { portNumber } from './flags.ts'
import { serveHealth } from './health.ts'
import { type OpenProxy, openProxy, type ProxyFlags, proxyFlags } from './open-proxy.ts'
import { type CliContext, cannotListen, ExitCode, eventLine, type Output, say, stopOn, timeOf } from './process.ts'
import { type LoginFlags, loginFlags, loginOf } from './proxy-login.ts'
import { Readiness, type SignInEvent, signIn } from './proxy-sign-in.ts'
import { summarizeRefusals } from './refusals.ts'

interface ProxyCommandFlags extends ProxyFlags, LoginFlags {
  port?: number
  healthPort?: number
  json?: boolean
}

/** The port if the login is kept, unless you name another one. */
const FIXED_PORT = 14_330

const HELP = `
Listens on 127.0.0.1 only, and accepts one login, from processes of your own user. The login changes at each start, unless
--password-file keeps it. Signs in once at its start, and says whether that works. Ctrl-C closes it.

Examples:
  $ prisma-mssql-entra proxy "sqlserver://myserver.database.windows.net;database=app" --port 14330
  $ prisma-mssql-entra proxy --password-file ~/.entra-proxy         # the same login and port at each start
  $ prisma-mssql-entra proxy --ca-file proxy.pem                   # for clients that encrypt and verify
  $ prisma-mssql-entra proxy --authentication AzureCli --json | jq -r 'select(.type == "ready").url.jdbc'
`

/** `proxy`: a local proxy that stays open. */
export function proxyCommand(context: CliContext): Command {
  const command = new Command('proxy')
    .description('run a local proxy for SQL tools, and show who uses it')
    .argument('[url]', 'a connection string')
  return loginFlags(proxyFlags(command))
    .option(
      '--port <number>',
      `the port to listen on, 0 for a free one (default: 0, or ${FIXED_PORT} with --password-file)`,
      portNumber,
    )
    .option(
      '--health-port <number>',
      'serve /livez, /readyz and /metrics (Prometheus) at this port of 127.0.0.1',
      portNumber,
    )
    .optionsGroup('Output:')
    .option('--json', 'print one JSON object per line: the proxy, then each event')
    .addHelpText('after', HELP)
    .action(async (url: string | undefined, flags: ProxyCommandFlags) => {
      context.setExitCode(await keepOpen(url, flags, context))
    })
}

async function keepOpen(url: string | undefined, flags: ProxyCommandFlags, context: CliContext): Promise<number> {
  const { out } = context
  const { json = false, healthPort } = flags
  const port = flags.port ?? (flags.passwordFile === undefined ? 0 : FIXED_PORT)
  context.outliveReader()
  using stop = stopOn('SIGINT', 'SIGTERM', 'SIGHUP')
  const stopped = once(stop.signal, 'abort')
  const login = await loginOf(flags)
  const readiness = new Readiness()
  let opened: OpenProxy
  const onEvent = (event: ProxyEvent | SignInEvent) => {
    if (event.type === 'proxy.session-opened') readiness.worked()
    if (json) out.write(eventAsJson(event))
    else if (event.type === 'proxy.login-refused') refused(event.reason)
    else out.write(eventAsText(event, opened.proxy.stats().sessionsOpen, out))
  }
  const refused = summarizeRefusals((text) => out.write(eventLine(Date.now(), '!', 'red', text, out)))
  try {
    opened = await openProxy(url, flags, context, { port, login, onEvent }, () => readiness.trying)
  } catch (error) {
    return cannotListen(context, port, error)
  }
  let health: Server | undefined
  if (healthPort !== undefined) {
    try {
      health = await serveHealth(
        healthPort,
        () => opened.proxy.stats(),
        () => readiness.whyNot,
      )
      say(context, `Health: http://127.0.0.1:${(health.address() as AddressInfo).port}/readyz`)
    } catch (error) {
      await opened.proxy.close()
      say(context, `--health-port ${healthPort} cannot be used: ${(error as Error).message}`)
      return ExitCode.FAILED
    }
  }
  out.write(json ? proxyAsJson(opened) : proxyAsText(opened, out))
  void signIn(opened, readiness, { signal: stop.signal, emit: onEvent, onAttempt: () => opened.waits.look() })
  await stopped
  health?.close()
  health?.closeAllConnections()
  await opened.proxy.close()
  if (!json) out.write(statsAsText(opened.proxy.stats()))
  return ExitCode.OK
}

/** All that you need to use a proxy. */
function proxyAsText(opened: OpenProxy, { style }: Output): string {
  const { proxy, target, caFile } = opened
  const { host, port, user, password } = proxy
  const database = target.database ?? "the login's own"
  const login = { host, port, user, password, database, ...(caFile !== undefined && { 'CA file': caFile }) }
  const rows = (values: object) =>
    Object.entries(values).map(([name, value]) => `  ${style('dim', name.padEnd(9))} ${printable(String(value))}\n`)
  return [
    `A proxy for ${style('bold', printable(`${target.host}:${target.port}`))}\n\n`,
    ...rows(login),
    '\n',
    ...rows(urlsOf(opened)),
    '\nAny of your processes on this machine can use this login, with your rights in the database.\n',
    'Ctrl-C closes the proxy.\n\n',
  ].join('')
}

/** A line per event; more if an error says what to do. */
function eventAsText(event: ProxyEvent | SignInEvent, sessionsOpen: number, out: Output): string {
  const { style } = out
  const open = style('dim', `(${sessionsOpen} open)`)
  const line = (mark: string, text: string) => `${timeOf(event.at, out)} ${mark} ${text}\n`
  switch (event.type) {
    case 'proxy.signed-in': {
      const { principal, database = '(default)' } = event
      return line(style('green', '✓'), printable(`Signed in as ${principal}, database ${database}.`))
    }
    case 'proxy.sign-in-failed': {
      const { at, error, changed } = event
      return changed ? eventLine(at, '!', 'red', `${error.message}\nTrying again until a login works.`, out) : ''
    }
    case 'proxy.session-opened': {
      const who = printable(event.applicationName) || 'a client'
      const database = printable(event.database) || '(default)'
      return line(style('green', '+'), `#${event.session} ${who}, database ${database} ${open}`)
    }
    case 'proxy.session-closed': {
      const seconds = (event.durationMs / 1000).toFixed(1)
      return line(style('blue', '-'), `#${event.session} after ${seconds} s, ${traffic(event)} ${open}`)
    }
    default: {
      const colour = event.type === 'connect.retry' ? 'yellow' : 'red'
      return eventLine(event.at, '!', colour, problemIn(event) ?? event.type, out)
    }
  }
}

function statsAsText(stats: ProxyStats): string {
  const turnedAway = Object.values(stats.refused).reduce((sum, count) => sum + count, 0)
  const parts = [`${stats.sessions} sessions`, traffic(stats)]
  if (stats.failures > 0) parts.push(`${stats.failures} failed to sign in`)
  if (turnedAway > 0) parts.push(`${turnedAway} refused`)
  return `\nClosed: ${parts.join('; ')}.\n`
}

/** The first line of `--json`. */
function proxyAsJson(opened: OpenProxy): string {
  const { proxy, target, caFile = null } = opened
  const { host, port, user, password } = proxy
  const { database = null } = target
  const server = `${target.host}:${target.port}`
  return lineOf({ type: 'ready', host, port, user, password, database, server, caFile, url: urlsOf(opened) })
}

/** The other lines of `--json`: each event, its error by code, number and message. */
function eventAsJson(event: ProxyEvent | SignInEvent): string {
  if (!('error' in event)) return lineOf(event)
  const { error, ...rest } = event
  const { code, number } = error instanceof EntraError ? error : { code: undefined, number: undefined }
  return lineOf({ ...rest, error: { code, number, message: error.message } })
}

function urlsOf({ url }: OpenProxy): Record<string, string> {
  return Object.fromEntries(URL_FORMATS.map((format) => [format, url({ format })]))
}

function lineOf(value: object): string {
  return `${printableJson(value)}\n`
}

function traffic({ bytesIn, bytesOut }: Pick<ProxyStats, 'bytesIn' | 'bytesOut'>): string {
  return `${SIZE.format(bytesIn)} in, ${SIZE.format(bytesOut)} out`
}

const SIZE = new Intl.NumberFormat('en', { style: 'unit', unit: 'byte', unitDisplay: 'narrow', notation: 'compact' })
