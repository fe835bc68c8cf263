import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Authority, startAuthority } from '../../src/testing/index.ts'
import type { WorkerOrder, WorkerReport } from './sources.worker.ts'

/** A worker of Node 20 heeds no `--import` for its own file. */
const TYPESCRIPT = `import('tsx/esm/api').then(({ register }) => {
  register()
  return import(require('node:worker_threads').workerData.program)
})`
const PROGRAM = new URL('./sources.worker.ts', import.meta.url).href

const WORKERS = 4
const SOURCES = 25
const REFUSED = 30

let authority: Authority
beforeAll(async () => {
  authority = await startAuthority()
})
afterAll(() => authority.close())

async function startWorker(workerData: WorkerOrder): Promise<Worker> {
  const worker = new Worker(TYPESCRIPT, { eval: true, workerData: { ...workerData, program: PROGRAM } })
  await once(worker, 'message')
  return worker
}

/** @returns what it saw, once it has ended by itself */
async function wake(worker: Worker): Promise<WorkerReport> {
  const reported = once(worker, 'message')
  const ended = once(worker, 'exit')
  worker.postMessage('wake')
  const [report] = await reported
  expect(await ended).toEqual([0])
  return report
}

describe(`${SOURCES} token sources in each of ${WORKERS} workers that wake up together`, () => {
  it('request one token each; throttled ones ask once more, after Retry-After', async () => {
    const environment = authority.environment('app-service')
    const order = { sources: SOURCES, gets: 5, environment }
    const workers = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(order)))
    const throttling = authority.inject({ status: 429, retryAfter: 1, times: REFUSED })
    const reports = await Promise.all(workers.map(wake))

    const sum = (count: (report: WorkerReport) => number) => reports.reduce((total, report) => total + count(report), 0)
    expect(throttling.hits).toBe(REFUSED)
    expect(authority.stats()).toMatchObject({
      tokenRequests: WORKERS * SOURCES + REFUSED,
      tokensIssued: WORKERS * SOURCES,
    })
    expect(sum(({ served }) => served)).toBe(WORKERS * SOURCES)
    expect(sum(({ throttled }) => throttled)).toBe(REFUSED)
    expect(sum(({ tooEarly }) => tooEarly)).toBe(0)
    expect(reports.map(({ mostInFlight }) => mostInFlight)).toEqual(reports.map(() => 1))
  })
})
