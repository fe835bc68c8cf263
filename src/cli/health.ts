import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { printable } from '../errors/wording.ts'
import type { ProxyStats } from '../proxy/events.ts'

/** The prefix of the metrics' names. */
const PREFIX = 'prisma_mssql_entra_proxy'

/** A metric by its name, its type, its meaning, and its values by labels. */
type Metric = readonly [name: string, type: 'counter' | 'gauge', help: string, values: Readonly<Record<string, number>>]

function metricsOf(stats: ProxyStats): readonly Metric[] {
  const one = (value: number) => ({ '': value })
  const refused = Object.entries(stats.refused).map(([reason, count]) => [`{reason="${reason}"}`, count])
  return [
    ['connections_total', 'counter', 'TCP connections accepted.', one(stats.connections)],
    ['connections_open', 'gauge', 'TCP connections that are open.', one(stats.connectionsOpen)],
    ['refused_total', 'counter', 'Clients refused, by reason.', Object.fromEntries(refused)],
    ['signing_in', 'gauge', 'Clients that are being signed in.', one(stats.signingIn)],
    ['sessions_total', 'counter', 'Sessions opened upstream.', one(stats.sessions)],
    ['sessions_open', 'gauge', 'Sessions that are open.', one(stats.sessionsOpen)],
    ['sign_in_failures_total', 'counter', 'Clients that could not be signed in.', one(stats.failures)],
    ['redirects_total', 'counter', 'Redirects followed.', one(stats.redirects)],
    ['received_bytes_total', 'counter', 'Bytes from clients that have gone.', one(stats.bytesIn)],
    ['sent_bytes_total', 'counter', 'Bytes to clients that have gone.', one(stats.bytesOut)],
  ]
}

/**
 * The figures of a proxy in Prometheus's text format (version 0.0.4). By hand: a library for it (`prom-client`, with
 * `@opentelemetry/api`) would come with each installation of the adapter, for ten numbers of one command.
 */
export function metricsAsText(stats: ProxyStats): string {
  return metricsOf(stats)
    .map(([name, type, help, values]) => {
      const lines = Object.entries(values).map(([labels, value]) => `${PREFIX}_${name}${labels} ${value}\n`)
      return `# HELP ${PREFIX}_${name} ${help}\n# TYPE ${PREFIX}_${name} ${type}\n${lines.join('')}`
    })
    .join('')
}

type Answer = readonly [status: number, text: string]

/**
 * Serves `/livez` (the process answers), `/readyz` (a sign-in has worked; else 503) and `/metrics` on 127.0.0.1.
 *
 * @param whyNotReady - undefined if it is ready
 * @throws the system's error if the port is taken
 */
export async function serveHealth(
  port: number,
  stats: () => ProxyStats,
  whyNotReady: () => string | undefined,
): Promise<Server> {
  const answers = new Map<string | undefined, () => Answer>([
    ['/livez', () => [200, 'ok\n']],
    ['/readyz', () => [whyNotReady() === undefined ? 200 : 503, `${printable(whyNotReady() ?? 'ok')}\n`]],
    ['/metrics', () => [200, metricsAsText(stats())]],
  ])
  const answerTo = ({ method, url }: IncomingMessage): Answer => {
    if (method !== 'GET' && method !== 'HEAD') return [405, 'GET only\n']
    return answers.get(url)?.() ?? [404, `${[...answers.keys()].join(', ')}\n`]
  }
  const server = createServer((request, response) => {
    const [status, text] = answerTo(request)
    response.writeHead(status, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
  })
  server.listen({ host: '127.0.0.1', port, exclusive: true })
  await once(server, 'listening')
  return server
}
