import { setTimeout as sleep } from 'node:timers/promises'
import { ManagedIdentityCredential } from '@azure/identity'
import { Child } from '../bench/child.ts'
import { TokenSource } from '../src/index.ts'
import { targetOf } from '../src/login/target.ts'
import { type LoopbackProxy, startProxy } from '../src/proxy/proxy.ts'
import type { GatewayStats } from '../src/testing/index.ts'
import { type Azure, disturb } from './disturb.ts'
import { type FaultSpan, SLOW, TOKEN_LIFE } from './explain.ts'
import { faultPlan } from './faults.ts'
import { heapInUse, leftOver, sleepAndNote, socketCount } from './measure.ts'
import type { ClientsOrder, ClientsReport, ProxyAddress, WorkFailure } from './proxy-clients.ts'
import { Report } from './report.ts'

/** 50 clients, each with a socket here and one upstream that may linger; and token requests. */
export const PROXY_SOCKETS = 250
/** How long the clients come before they all have to go, and how long what they leave may last, in ms. */
const STORM = 25_000
const QUIET_WITHIN = 10_000
const MEASURE_EVERY = 2_500
/** How long a login waits for a token, and for a database that is not ready, in ms. */
const WAIT = 8_000
/** How far from its token's expiry a session may be closed, in ms. */
const NEAR_EXPIRY = 1_000

type Clients = Child<ClientsOrder, ClientsReport | null, null>

/** The proxy in this process; its clients in another, and the local Azure with its faults in a third. */
export async function soakProxy(seed: number, minutes: number, stop: AbortSignal): Promise<Report> {
  if (globalThis.gc === undefined) throw new Error('Node must be started with --expose-gc, as npm run soak does.')
  const report = new Report(seed, 'proxy')
  report.watchProcess()
  const azure: Azure = await Child.start(new URL('azure-process.ts', import.meta.url), [String(TOKEN_LIFE)])
  const { config, environment } = azure.ready
  Object.assign(process.env, environment)
  const expiries: number[] = []
  const scope = 'https://database.windows.net/.default'
  const tokenSource = new TokenSource(new ManagedIdentityCredential(), { scope, requestTimeout: 3_000 })
  tokenSource.observe((event) => {
    if (event.type === 'token.acquired') expiries.push(event.expiresOn)
  })
  const proxy = await startProxy({
    target: { ...targetOf(config), connectTimeout: 4_000 },
    tokenSource,
    endAtExpiry: true,
    loginTimeout: 3_000,
    timing: { waitTimeout: WAIT, connectRetryTimeout: WAIT, connectRetryInterval: 500 },
  })
  const { host, port, user, password, ca } = proxy
  const address: ProxyAddress = { host, port, user, password, ca, database: config.database ?? '' }
  const clients: Clients = await Child.start(new URL('proxy-clients.ts', import.meta.url), [JSON.stringify(address)])
  try {
    const plan = faultPlan(seed)
    const spans: FaultSpan[] = []
    const startedAt = performance.now()
    const left = () => startedAt + minutes * 60_000 - performance.now()
    for (let round = 0; left() > 0 && !stop.aborted; round++) {
      const before = process.getActiveResourcesInfo()
      const end = new AbortController()
      const timer = setTimeout(() => end.abort(), Math.min(STORM, left()))
      stop.addEventListener('abort', () => end.abort(), { signal: end.signal })
      await clients.ask({ start: seed + round })
      const note = (text: string) => report.note(text)
      await Promise.all([disturb(azure, plan, spans, note, end.signal), watch(report, spans, end.signal)])
      clearTimeout(timer)
      const { done, failures, came, stuck } = (await clients.ask({ stop: true })) as ClientsReport
      report.done += done
      for (const [kind, count] of Object.entries(came)) report.came[kind] = (report.came[kind] ?? 0) + count
      report.neverEnded += stuck.length
      for (const failure of failures) {
        report.failed(failure.cause, explanationOf(failure, spans, expiries), failure.detail, failure.until)
      }
      await expectQuiet(report, azure, proxy, before)
      const { signingIn, connections, refused } = proxy.stats()
      const turnedAway = Object.values(refused).reduce((sum, each) => sum + each, 0)
      console.log(
        `${connections} connections, ${turnedAway} refused, ${signingIn} signing in; ${report.done} queries, ` +
          `${report.explainedCount} failures explained, ${report.unexplained.length} not`,
      )
    }
    report.seconds = (performance.now() - startedAt) / 1000
    report.faults = spans.filter(({ kind }) => kind !== SLOW).length
    report.tokenRequests = tokenSource.stats().tokensRequested
    report.logins = proxy.stats().sessions
    return report
  } finally {
    await clients.close()
    await proxy.close()
    tokenSource.close()
    await azure.close()
  }
}

/** Counts sockets and measures the heap. */
async function watch(report: Report, spans: FaultSpan[], until: AbortSignal): Promise<void> {
  let measured = performance.now()
  while (!until.aborted) {
    await sleepAndNote(100, spans)
    report.sockets = Math.max(report.sockets, socketCount())
    if (performance.now() - measured < MEASURE_EVERY) continue
    measured = performance.now()
    report.heap.push(await heapInUse())
  }
}

/** When all clients have gone, nothing of them may be left soon after, here or upstream. */
async function expectQuiet(report: Report, azure: Azure, proxy: LoopbackProxy, before: string[]): Promise<void> {
  const until = performance.now() + QUIET_WITHIN
  for (;;) {
    const { sessionsOpen, loggingIn } = (await azure.ask({ stats: true })) as GatewayStats
    const { connectionsOpen, sessionsOpen: own } = proxy.stats()
    const sockets = leftOver(before).filter((kind) => kind === 'TCPSocketWrap')
    const left: [number, string][] = [
      [sessionsOpen, 'sessions of the gateway'],
      [loggingIn, 'logins at the gateway'],
      [connectionsOpen, 'connections of the proxy'],
      [own, 'sessions of the proxy'],
      [sockets.length, 'sockets'],
    ]
    const some = left.filter(([number]) => number > 0)
    if (some.length === 0) return
    if (performance.now() > until) return void report.left.push(...some.map(([number, what]) => `${number} ${what}`))
    await sleep(100)
  }
}

/** Why a client that does all right saw a failure. */
function explanationOf(
  { detail, from, until }: WorkFailure,
  spans: readonly FaultSpan[],
  expiries: readonly number[],
): string | undefined {
  if (/token that it was opened with has expired/.test(detail)) return "its token's end"
  const fault = spans.find((span) => span.from <= until && span.until >= from - feltAfter(span.kind))
  if (fault !== undefined) return fault.kind
  const isNear = (expiry: number) => Math.abs(until - expiry) < NEAR_EXPIRY
  // A request that met the end on its way is answered by the server.
  return /hang up|ECONNRESET|closed|Final state|access token is expired/.test(detail) && expiries.some(isNear)
    ? "its token's end"
    : undefined
}

/** How long after its end a fault is felt, in ms: a bad token lives on, and the proxy remembers a missing user for a while. */
function feltAfter(kind: FaultSpan['kind']): number {
  if (kind.startsWith('authority:')) return TOKEN_LIFE
  return kind.startsWith('login:') ? 4_000 : 1_000
}
