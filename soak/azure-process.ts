// The local Azure has its own process, so that heap and sockets of the soak's are those of client and adapter.
import { serveParent } from '../bench/child.ts'
import type { GatewayStats, InjectedFault } from '../src/testing/index.ts'
import { applyMigrations, dropEverything } from '../test/integration/schema.ts'
import { openSqlLogin } from '../test/integration/sql-login.ts'
import { startLocalAzure } from '../test/local-azure.ts'
import type { SoakFault } from './faults.ts'
import { type Stall, watchStalls } from './measure.ts'

/** `begin` answers with the number to `end` it by. */
export type ControlMessage = { begin: SoakFault } | { end: number } | { token: true } | { stats: true }

/** The answer to `stats`. */
export type AzureStats = GatewayStats & { stalls: readonly Stall[] }

const stalls = watchStalls()

// Ctrl-C goes to the whole process group; the parent says when to end.
process.on('SIGINT', () => {})

const azure = await startLocalAzure({ tokenLifetime: Number(process.argv[2]) })
const { authority, gateway } = azure
const login = await openSqlLogin(azure.upstream)
await login.lock('prisma-adapter-mssql-entra tests')
await dropEverything(login.run)
await applyMigrations(login.run)

const injected: (InjectedFault | undefined)[] = []

function begin(fault: SoakFault): number {
  if ('authority' in fault) return injected.push(authority.inject(fault.authority)) - 1
  if ('gateway' in fault) return injected.push(gateway.inject(fault.gateway)) - 1
  gateway.dropSessions()
  return injected.push(undefined) - 1
}

process.once('disconnect', async () => {
  await dropEverything(login.run)
  await login.close()
  await azure.close()
})
const ready = { config: azure.config(), environment: authority.environment('app-service') }
serveParent<ControlMessage>(ready, async (message) => {
  if ('begin' in message) return begin(message.begin)
  if ('end' in message) return injected[message.end]?.clear()
  if ('token' in message) return authority.issueToken({ lifetime: 3_600_000 })
  return { ...gateway.stats(), stalls } satisfies AzureStats
})
