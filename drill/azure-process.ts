// Two nodes of a local Azure, each at an address of its own and at the same port, in front of one database.
import { serveParent } from '../bench/child.ts'
import { startGateway } from '../src/testing/gateway/gateway.ts'
import type { GatewayFault } from '../src/testing/index.ts'
import { openSqlLogin } from '../test/integration/sql-login.ts'
import { startLocalAzure } from '../test/local-azure.ts'
import { freePort } from '../test/support/free-port.ts'
import { Front } from './front.ts'

/** What clients connect with. */
export interface Place {
  port: number
  ca: string
  database: string
  /** An hour's. */
  token: { token: string; expiresOnTimestamp: number }
  /** Of the two nodes. */
  addresses: [string, string]
}

/** Everything is about the first node; the second one is always well. */
export type AzureOrder =
  | { inject: GatewayFault[] }
  | { matching: string; number: number }
  | { clear: true }
  | { cut: true }
  | { front: 'close' | 'open' }
  | { rows: string }

process.on('SIGINT', () => {})

const ADDRESSES: Place['addresses'] = ['127.0.0.1', '127.0.0.2']

const azure = await startLocalAzure()
const { gateway, authority, upstream } = azure
const second = await startGateway({ upstream, verification: authority.verification })
const login = await openSqlLogin(upstream)
await login.run('CREATE TABLE [dbo].[drill_writes] ([who] NVARCHAR(20) NOT NULL, [n] INT NOT NULL)')
const port = await freePort()
const fronts = [new Front(ADDRESSES[0], port, gateway.port), new Front(ADDRESSES[1], port, second.port)]
await Promise.all(fronts.map((front) => front.open()))

process.once('disconnect', async () => {
  await Promise.all(fronts.map((front) => front.close()))
  await second.close()
  await login.run('DROP TABLE [dbo].[drill_writes]')
  await login.close()
  await azure.close()
  process.exit()
})
const ready: Place = {
  port,
  ca: gateway.ca + second.ca,
  database: upstream.database,
  token: await authority.issueToken({ lifetime: 3_600_000 }),
  addresses: ADDRESSES,
}
serveParent<AzureOrder>(ready, async (order) => {
  if ('rows' in order) {
    const rows = await login.run(`SELECT [n] FROM [dbo].[drill_writes] WHERE [who] = N'${order.rows}'`)
    return rows.map(({ n }) => Number(n))
  }
  if ('inject' in order) for (const fault of order.inject) gateway.inject(fault)
  if ('matching' in order) {
    const action = { refuse: { number: order.number } }
    gateway.inject({ at: 'request', action, matching: new RegExp(order.matching, 'i') })
  }
  if ('clear' in order) gateway.clearFaults()
  if ('cut' in order) gateway.dropSessions({ how: 'reset' })
  if ('front' in order) await fronts[0]?.[order.front]()
  return undefined
})
