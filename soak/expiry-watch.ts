import { setTimeout as sleep } from 'node:timers/promises'
import type { AzureProcess } from './azure.ts'
import type { Incidents } from './incidents.ts'

/** How often the gateway is asked, in ms. */
const ASK_EVERY = 500

/** Tells of each request that the gateway saw after its token's expiry, until the signal is aborted. */
export async function watchExpiry(azure: AzureProcess, incidents: Incidents, until: AbortSignal): Promise<void> {
  let known = 0
  while (!until.aborted) {
    const { gateway } = await azure.order('stats')
    if (gateway.requestsAfterExpiry > known) {
      incidents.add('a request after expiry', `the latest ever came ${-(gateway.leastTimeLeft ?? 0)} ms after it`)
    }
    known = gateway.requestsAfterExpiry
    await sleep(ASK_EVERY)
  }
}
