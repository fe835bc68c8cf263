import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import { printable, printableJson, wrapped } from '../errors/wording.ts'
import { URL_FORMATS } from '../proxy/connection-strings.ts'
import type { ProxyEvent, ProxyStats } from '../proxy/events.ts'
import { portNumber } from './flags.ts'
import { serveHealth } from './health.ts'
import { type OpenProxy, openProxy, type ProxyFlags, problemIn, proxyFlags } from './open-proxy.ts'
import { type CliContext, ExitCode, type Output, say, stopOn } from './process.ts'

interface ProxyCommandFlags extends ProxyFlags {
  port: number
  healthPort?: number
  json?: boolean
}

const HELP = `
Listens on 127.0.0.1 only, and accepts one login, created at each start, from processes of your own user. Ctrl-C closes
it.

Examples:
  $ prisma-mssql-entra proxy "sqlserver://myserver.database.windows.net;database=app" --port 14330
  $ prisma-mssql-entra proxy --ca-file proxy.pem                   # for clients that encrypt and verify
  $ prisma-mssql-entra proxy --authentication AzureCli --json | jq -r 'select(.type == "ready").url.jdbc'
`

/** `proxy`: a local proxy that stays open. */
export function proxyCommand(context: CliContext): Command {
  const command = new Command('proxy')
    .description('run a local proxy for SQL tools, and show who uses it')
    .argument('[url]', 'a connection string')
  return proxyFlags(command)
    .option('--port <number>', 'the port to listen on, 0 for a free one', portNumber, 0)
    .option('--health-port <number>', 'serve /livez, /readyz and /metrics (Prometheus) there, on 127.0.0.1', portNumber)
    .optionsGroup('Output:')
    .option('--json', 'print one JSON object per line: the proxy, then each event')
    .addHelpText('after', HELP)
    .action(async (url: string | undefined, flags: ProxyCommandFlags) => {
      context.setExitCode(await keepOpen(url, flags, context))
    })
}

async function keepOpen(url: string | undefined, flags: ProxyCommandFlags, context: CliContext): Promise<number> {
  const { out } = context
  const { json = false, port, healthPort } = flags
  context.outliveReader()
  using stop = stopOn('SIGINT', 'SIGTERM', 'SIGHUP')
  const stopped = once(stop.signal, 'abort')
  let opened: OpenProxy
  let health: Server | undefined
  let lastFailed = false
  const onEvent = (event: ProxyEvent) => {
    if (event.type === 'proxy.login-failed') lastFailed = true
    if (event.type === 'proxy.session-opened') lastFailed = false
    out.write(json ? eventAsJson(event) : eventAsText(event, opened.proxy.stats().sessionsOpen, out))
  }
  try {
    opened = await openProxy(url, flags, context, { port, onEvent })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    const why = code === 'EACCES' ? 'needs privileges that you do not have' : 'is taken'
    say(context, `Port ${port} ${why}. Choose another one with --port, or leave it out for a free one.`)
    return ExitCode.FAILED
  }
  if (healthPort !== undefined) {
    try {
      health = await serveHealth(
        healthPort,
        () => opened.proxy.stats(),
        () => !lastFailed,
      )
      say(context, `Health: http://127.0.0.1:${(health.address() as AddressInfo).port}/readyz`)
    } catch (error) {
      await opened.proxy.close()
      say(context, `--health-port ${healthPort} cannot be used: ${(error as Error).message}`)
      return ExitCode.FAILED
    }
  }
  out.write(json ? proxyAsJson(opened) : proxyAsText(opened, out))
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
function eventAsText(event: ProxyEvent, sessionsOpen: number, { style, width }: Output): string {
  const time = style('dim', new Date(event.at).toLocaleTimeString('en-GB'))
  const open = style('dim', `(${sessionsOpen} open)`)
  switch (event.type) {
    case 'proxy.session-opened': {
      const who = printable(event.applicationName) || 'a client'
      const database = printable(event.database) || '(default)'
      return `${time} ${style('green', '+')} #${event.session} ${who}, database ${database} ${open}\n`
    }
    case 'proxy.session-closed': {
      const seconds = (event.durationMs / 1000).toFixed(1)
      return `${time} ${style('blue', '-')} #${event.session} after ${seconds} s, ${traffic(event)} ${open}\n`
    }
    default: {
      const text = problemAsText(event, width)
      return `${time} ${style(event.type === 'connect.retry' ? 'yellow' : 'red', '!')} ${text}\n`
    }
  }
}

/** Below each other, to the right of the time. */
function problemAsText(event: ProxyEvent, width: number): string {
  const indent = 'HH:MM:SS ! '.length
  const text = wrapped(printable(problemIn(event) ?? event.type), width - indent)
  return text.replaceAll('\n', `\n${' '.repeat(indent)}`)
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
function eventAsJson(event: ProxyEvent): string {
  if (!('error' in event)) return lineOf(event)
  const { error, ...rest } = event
  const { code, number } = error instanceof EntraError ? error : { code: undefined, number: undefined }
  return lineOf({ ...rest, error: { code, number, message: error.message } })
}

function urlsOf({ proxy, schema }: OpenProxy): Record<string, string> {
  return Object.fromEntries(URL_FORMATS.map((format) => [format, proxy.url({ format, schema })]))
}

function lineOf(value: object): string {
  return `${printableJson(value)}\n`
}

function traffic({ bytesIn, bytesOut }: Pick<ProxyStats, 'bytesIn' | 'bytesOut'>): string {
  return `${SIZE.format(bytesIn)} in, ${SIZE.format(bytesOut)} out`
}

const SIZE = new Intl.NumberFormat('en', { style: 'unit', unit: 'byte', unitDisplay: 'narrow', notation: 'compact' })
