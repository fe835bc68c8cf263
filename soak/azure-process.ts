// The local Azure in a process of its own, so that heap and sockets of the soak's are those of client and adapter.
import { serveParent } from '../bench/child.ts'
import type { InjectedFault } from '../src/testing/index.ts'
import { applyMigrations, dropEverything } from '../test/integration/schema.ts'
import { openSqlLogin } from '../test/integration/sql-login.ts'
import { startLocalAzure } from '../test/local-azure.ts'
import type { Disturbance } from './faults.ts'

export type Order = { begin: Disturbance } | { end: number } | { token: true } | { stats: true }

// Ctrl-C goes to the whole group; the parent says when it is over.
process.on('SIGINT', () => {})

const azure = await startLocalAzure({ tokenLifetime: Number(process.argv[2]) })
const { authority, gateway } = azure
const login = await openSqlLogin(azure.upstream)
await login.lock('prisma-adapter-mssql-entra tests')
await dropEverything(login.run)
await applyMigrations(login.run)

const injected: (InjectedFault | undefined)[] = []

/** @returns the number to end it by */
function begin(disturbance: Disturbance): number {
  if ('sessions' in disturbance) gateway.dropSessions()
  const fault =
    'authority' in disturbance
      ? authority.inject(disturbance.authority)
      : 'gateway' in disturbance
        ? gateway.inject(disturbance.gateway)
        : undefined
  return injected.push(fault) - 1
}

process.once('disconnect', async () => {
  await dropEverything(login.run)
  await login.close()
  await azure.close()
})
serveParent<Order>({ config: azure.config(), environment: authority.environment('app-service') }, async (order) => {
  if ('begin' in order) return begin(order.begin)
  if ('end' in order) return injected[order.end]?.clear()
  if ('token' in order) return authority.issueToken({ lifetime: 3_600_000 })
  return gateway.stats()
})
