// An authority whose tokens live as long as it is told, and a gateway that takes them, in a process of their own.

import { Encryption } from '../../src/tds/prelogin.ts'
import { startAuthority } from '../../src/testing/authority/authority.ts'
import { startGateway } from '../../src/testing/gateway/gateway.ts'
import { startEntraServer } from '../../test/proxy/entra-server.ts'
import { serveCanned } from '../canned-server.ts'
import { serveParent } from '../child.ts'

/** Where the gateway is, and what makes a process sign in by the authority, as a managed identity. */
export interface Ready {
  place: { port: number; ca: string }
  environment: Record<string, string>
}

/** How long tokens live from now on, in ms; and the count begins anew. */
export interface Order {
  tokenLifetime?: number
}

/** Since the last order. */
export interface Counts {
  tokenRequests: number
  logins: number
  mostSessionsOpen: number
  requestsAfterExpiry: number
}

const [linkDelay] = process.argv.slice(2).map(Number)
const authority = await startAuthority()
const server = await startEntraServer({
  encryption: Encryption.NOT_SUPPORTED,
  serve: (stream) => serveCanned(stream, { delay: 0 }),
})
const gateway = await startGateway({
  upstream: { host: '127.0.0.1', port: server.port, user: 'sa', password: 'none', encrypt: false },
  verification: authority.verification,
  ...(linkDelay !== undefined && { linkDelay }),
})

process.once('disconnect', async () => {
  await gateway.close()
  await Promise.all([server.close(), authority.close()])
})
const { port, ca } = gateway
const ready: Ready = { place: { port, ca }, environment: authority.environment('app-service') }
serveParent(ready, async ({ tokenLifetime }: Order): Promise<Counts> => {
  const { logins, mostSessionsOpen, requestsAfterExpiry } = gateway.stats()
  const { tokenRequests } = authority.stats()
  if (tokenLifetime !== undefined) authority.tokenLifetime = tokenLifetime
  gateway.resetStats()
  authority.resetStats()
  return { tokenRequests, logins, mostSessionsOpen, requestsAfterExpiry }
})
