import { createRequire } from 'node:module'
import { ManagedIdentityApplication as Imported } from '@azure/msal-node'
import { afterAll, vi } from 'vitest'

/*
 * Takes back what a test file leaves in the process that it shares with others: variables of the environment, timers, and what
 * MSAL keeps for as long as the process lives, which is the first managed identity endpoint that it found, and its tokens.
 */

/** What the types of MSAL do not show. */
interface ManagedIdentity {
  new (): { managedIdentityClient: { constructor: { identitySource?: object; sourceName?: string } } }
  nodeStorage?: { clear(): void }
}

/** `@azure/identity` requires one, and the tests import the other. */
const { ManagedIdentityApplication: Required } = createRequire(import.meta.url)('@azure/msal-node')
const applications = [Imported, Required] as unknown as ManagedIdentity[]

// It runs after the afterAll of the file itself.
afterAll(() => {
  vi.unstubAllEnvs()
  vi.useRealTimers()
  for (const Application of applications) {
    const { constructor: client } = new Application().managedIdentityClient
    delete client.identitySource
    delete client.sourceName
    Application.nodeStorage?.clear()
  }
})
