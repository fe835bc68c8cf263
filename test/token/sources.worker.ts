/** A worker with many token sources, which ask a managed identity endpoint at once. */
import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { Stopwatch, systemClock } from '../../src/time/clock.ts'
import { TokenSource } from '../../src/token/token-source.ts'

/** What the worker is given. */
export interface WorkerOrder {
  sources: number
  /** How often each is asked for a token. */
  gets: number
  /** The endpoint's, of App Service. */
  environment: Record<string, string>
}

/** What it saw. */
export interface WorkerReport {
  /** Sources whose every `get()` gave the same token. */
  served: number
  throttled: number
  /** Requests that came before the time that `Retry-After` had named. */
  tooEarly: number
  /** Of one source. */
  mostInFlight: number
}

if (parentPort === null) throw new Error('Not a worker.')
const parent = parentPort
const { sources, gets, environment } = workerData as WorkerOrder
const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header = '' } = environment
const report: WorkerReport = { served: 0, throttled: 0, tooEarly: 0, mostInFlight: 0 }

/** Throws what a `RestError` of `@azure/core-rest-pipeline` holds. */
async function requestToken() {
  const url = `${endpoint}?resource=https://database.windows.net/&api-version=2019-08-01`
  const response = await fetch(url, { headers: { 'X-IDENTITY-HEADER': header } })
  const body = (await response.json()) as { access_token: string; expires_on: string }
  if (!response.ok) throw Object.assign(new Error('refused'), { statusCode: response.status, response })
  return { token: body.access_token, expiresOnTimestamp: Number(body.expires_on) * 1000 }
}

function credential() {
  let inFlight = 0
  let told: { age: Stopwatch; wait: number } | undefined
  return {
    async getToken() {
      if (told !== undefined && told.age.left(told.wait) > 0) report.tooEarly++
      report.mostInFlight = Math.max(report.mostInFlight, ++inFlight)
      try {
        return await requestToken()
      } catch (error) {
        const { response } = error as { response?: Response }
        report.throttled++
        told = { age: new Stopwatch(systemClock), wait: Number(response?.headers.get('retry-after')) * 1000 }
        throw error
      } finally {
        inFlight--
      }
    },
  }
}

const all = Array.from({ length: sources }, () => new TokenSource(credential(), { scope: 'https://x/.default' }))
parent.postMessage('ready')
await once(parent, 'message')
const tokens = await Promise.all(
  all.map((source) => Promise.all(Array.from({ length: gets }, () => source.get({ timeout: 120_000 })))),
)
report.served = tokens.filter((leases) => new Set(leases).size === 1).length
parent.postMessage(report)
