import { setTimeout as sleep } from 'node:timers/promises'
import type { Screen } from '../demo/screen.ts'
import type { AdapterEvent, PrismaMssqlEntra } from '../src/index.ts'
import type { AzureProcess } from './azure.ts'
import { Books } from './books.ts'
import { createClient } from './client.ts'
import { Crew } from './crew.ts'
import { EventLog } from './event-log.ts'
import { watchExpiry } from './expiry-watch.ts'
import { Failures } from './failures.ts'
import { FaultLog } from './fault-log.ts'
import { faultPlan } from './fault-plan.ts'
import { Incidents } from './incidents.ts'
import type { SoakOptions } from './options.ts'
import { showProgress } from './progress.ts'
import type { Report } from './report.ts'
import { heapInUse, socketCount } from './resources.ts'
import { RotationWatch } from './rotation-watch.ts'
import { Saboteur } from './saboteur.ts'
import { Usage } from './usage.ts'
import { watchWarnings } from './warnings.ts'

/** Events that are kept to be shown with a failure. */
const EVENTS = 100
/** How long work may take to end after all faults are over, in ms. */
const LAST_WORK = 120_000
/** How long the gateway may take to see that a session has ended, in ms. */
const SESSION_END = 10_000
/** The token request that is waited for, and those that the token source gave up on and the credential did not. */
const TOKEN_SOCKETS = 3

/**
 * Runs client and adapter against the local Azure while that goes wrong as planned.
 *
 * @param stop - ends the run before its time
 */
export async function soak(
  azure: AzureProcess,
  { minutes, seed, tokenLife, workers, max }: SoakOptions,
  screen: Screen,
  stop: AbortSignal,
): Promise<Report> {
  const length = minutes * 60_000
  const warnings = watchWarnings()
  const faults = new FaultLog(LAST_WORK)
  const events = new EventLog(EVENTS)
  const failures = new Failures()
  const rotations = new RotationWatch(faults)
  const incidents = new Incidents(events, tokenLife * 1000)
  const onEvent = (event: AdapterEvent) => {
    events.addEvent(event)
    rotations.onEvent(event)
  }
  const client = createClient(azure, max, onEvent, (most) => {
    if (most > 2 * max) incidents.add('too many connections', `${most}: ${generationsOf(client.adapter)}`)
  })
  const { prisma, adapter, connections } = client
  const books: Books[] = []
  for (let worker = 1; worker <= workers; worker++) books.push(await Books.open(prisma, `worker-${worker}`))

  const usage = await Usage.begin(length)
  const crew = new Crew({ client, faults, failures, incidents, events, tokenLife: tokenLife * 1000, max, seed })
  const saboteur = new Saboteur({ azure, log: faults, events })
  const startedAt = performance.now()
  const over = afterTime(length, stop)
  const work = crew.work(books, over)
  await Promise.all([
    saboteur.work(faultPlan(seed), over),
    usage.watch(over),
    watchExpiry(azure, incidents, over),
    showProgress(screen, length, { client, crew, faults, failures, usage }, over),
  ])
  const seconds = (performance.now() - startedAt) / 1000
  await Promise.race([work, sleep(LAST_WORK, undefined, { ref: false })])

  const neverEnded = crew.running
  const findings: string[] = []
  for (const own of books) findings.push(...(await own.audit(prisma)))
  const heapAtEnd = await heapInUse()
  const socketsAtEnd = socketCount()
  const stats = adapter.stats()
  const { gateway } = await azure.order('stats')
  const left = await client.close()
  const sessions = await sessionsLeft(azure)
  if (sessions > 0) left.push(`${sessions} sessions of the gateway`)
  return {
    seed,
    seconds,
    rotations: stats.rotations,
    rotationsUndisturbed: rotations.undisturbed,
    tokenRequests: stats.tokensRequested,
    tokenRequestsFailed: stats.refreshesFailed,
    logins: gateway.logins,
    loginsRefused: Object.values(gateway.loginFailures).reduce((sum, count) => sum + count, 0),
    done: crew.done,
    failures: failures.table(),
    incidents: incidents.kept,
    longest: crew.longest,
    neverEnded,
    faults: saboteur.table(),
    heap: { start: usage.heapAtStart, end: heapAtEnd, growth: usage.trend.growth(stats.tokensRequested) },
    sockets: {
      start: usage.socketsAtStart,
      most: usage.mostSockets,
      end: socketsAtEnd,
      allowed: 2 * max + TOKEN_SOCKETS,
    },
    connections: { most: connections.most, allowed: 2 * max },
    requestsAfterExpiry: gateway.requestsAfterExpiry,
    leastTimeLeft: gateway.leastTimeLeft,
    findings,
    left,
    warnings: [...warnings],
  }
}

/** What connections there are, as the adapter tells it: those of a generation that is being opened are not among them. */
function generationsOf(adapter: PrismaMssqlEntra): string {
  const { generation, draining } = adapter.stats()
  const all = [...draining, ...(generation === undefined ? [] : [generation])]
  return all.map(({ id, connections }) => `${connections} of generation ${id}`).join(', ')
}

/** Sessions that the gateway has not seen end, a while after the client has closed its own end. */
async function sessionsLeft(azure: AzureProcess): Promise<number> {
  const until = performance.now() + SESSION_END
  for (;;) {
    const { gateway } = await azure.order('stats')
    if (gateway.sessionsOpen === 0 || performance.now() > until) return gateway.sessionsOpen
    await sleep(100)
  }
}

/** Aborted after so many ms, or with the signal. */
function afterTime(length: number, stop: AbortSignal): AbortSignal {
  const over = new AbortController()
  const end = () => {
    clearTimeout(timer)
    over.abort()
  }
  const timer = setTimeout(end, length)
  if (stop.aborted) end()
  else stop.addEventListener('abort', end, { once: true })
  return over.signal
}
