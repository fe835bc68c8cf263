import { EntraError } from '../errors/entra-error.ts'
import { URL_FORMATS } from '../proxy/connection-strings.ts'
import type { ProxyEvent, ProxyStats } from '../proxy/events.ts'
import { type OpenDoor, troubleIn } from './door.ts'
import type { Output } from './terminal.ts'

/** What a person needs to use a door. */
export function introduction(door: OpenDoor, { style }: Pick<Output, 'style'>): string {
  const { proxy, target } = door
  const login = { host: proxy.host, port: proxy.port, user: proxy.user, password: proxy.password }
  const ca = door.caFile === undefined ? {} : { 'CA file': door.caFile }
  const rows = Object.entries({ ...login, database: target.database ?? "the login's own", ...ca })
  return [
    `A proxy for ${style('bold', `${target.host}:${target.port}`)}`,
    '',
    ...rows.map(([name, value]) => `  ${style('dim', name.padEnd(9))} ${value}`),
    '',
    ...Object.entries(urlsOf(door)).map(([name, url]) => `  ${style('dim', name.padEnd(9))} ${url}`),
    '',
    'Whoever has this login, and runs as your user on this machine, has your rights in the database.',
    'Ctrl-C closes the proxy.',
    '',
    '',
  ].join('\n')
}

/** One line for each event; more where an error says what to do. */
export function eventAsText(event: ProxyEvent, sessionsOpen: number, { style }: Pick<Output, 'style'>): string {
  const time = style('dim', new Date(event.at).toLocaleTimeString('en-GB'))
  const open = style('dim', `(${sessionsOpen} open)`)
  switch (event.type) {
    case 'proxy.session-opened': {
      const who = event.applicationName || 'a client'
      return `${time} ${style('green', '+')} #${event.session} ${who}, database ${event.database || '(default)'} ${open}\n`
    }
    case 'proxy.session-closed': {
      const seconds = (event.durationMs / 1000).toFixed(1)
      const bytes = `${sizeOf(event.bytesIn)} in, ${sizeOf(event.bytesOut)} out`
      return `${time} ${style('blue', '-')} #${event.session} after ${seconds} s, ${bytes} ${open}\n`
    }
    default: {
      const text = troubleIn(event)?.replaceAll('\n', '\n           ') ?? event.type
      return `${time} ${style(event.type === 'connect.retry' ? 'yellow' : 'red', '!')} ${text}\n`
    }
  }
}

/** What a session of the door amounted to. */
export function summary({ sessions, failures, refused, bytesIn, bytesOut }: ProxyStats): string {
  const turnedAway = Object.values(refused).reduce((sum, count) => sum + count, 0)
  const parts = [`${sessions} sessions`, `${sizeOf(bytesIn)} in, ${sizeOf(bytesOut)} out`]
  if (failures > 0) parts.push(`${failures} could not be signed in`)
  if (turnedAway > 0) parts.push(`${turnedAway} turned away`)
  return `\nClosed: ${parts.join('; ')}.\n`
}

/** The first line of `--json`. */
export function doorAsJson(door: OpenDoor): string {
  const { host, port, user, password } = door.proxy
  const { target } = door
  return lineOf({
    type: 'ready',
    host,
    port,
    user,
    password,
    database: target.database ?? null,
    server: `${target.host}:${target.port}`,
    caFile: door.caFile ?? null,
    url: urlsOf(door),
  })
}

/** The other lines of `--json`: an event as it is, its error by code, number and message. */
export function eventAsJson(event: ProxyEvent): string {
  if (!('error' in event)) return lineOf(event)
  const { error, ...rest } = event
  const { code, number } = error instanceof EntraError ? error : { code: undefined, number: undefined }
  return lineOf({ ...rest, error: { code, number, message: error.message } })
}

function urlsOf({ proxy, schema }: OpenDoor): Record<string, string> {
  return Object.fromEntries(URL_FORMATS.map((format) => [format, proxy.url({ format, schema })]))
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

function sizeOf(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1)
  const value = bytes / 1000 ** step
  return `${step === 0 ? value : value.toFixed(1)} ${UNITS[step]}`
}
