// The local Azure in a process of its own: started by azure.ts, it ends when the channel to its parent does.
import type { InjectedFault } from '../src/testing/index.ts'
import { applyMigrations, dropEverything } from '../test/integration/schema.ts'
import { openSqlLogin } from '../test/integration/sql-login.ts'
import { startLocalAzure } from '../test/local-azure.ts'
import { type Orders, obey, type Ready } from './orders.ts'

// Ctrl-C goes to the whole group; the parent says when it is over.
process.on('SIGINT', () => {})

const azure = await startLocalAzure({ tokenLifetime: Number(process.argv[2]) })
const { authority, gateway } = azure
const login = await openSqlLogin(azure.upstream)
await login.lock('prisma-adapter-mssql-entra tests')
await dropEverything(login.run)
await applyMigrations(login.run)

const injected = new Map<number, InjectedFault>()
let count = 0

const orders: Orders = {
  begin(disturbance) {
    const handle = ++count
    if ('authority' in disturbance) injected.set(handle, authority.inject(disturbance.authority))
    else if ('gateway' in disturbance) injected.set(handle, gateway.inject(disturbance.gateway))
    else gateway.dropSessions()
    return handle
  },
  end(handle) {
    const fault = injected.get(handle)
    injected.delete(handle)
    fault?.clear()
    return fault?.hits ?? 0
  },
  stats: () => ({ authority: authority.stats(), gateway: gateway.stats() }),
}

obey(orders)
process.once('disconnect', async () => {
  await dropEverything(login.run)
  await login.close()
  await azure.close()
})
const ready: Ready = { config: azure.config(), environment: authority.environment('app-service') }
process.send?.(ready)
