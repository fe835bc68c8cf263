// The local Azure in a process of its own: started by azure.ts, it ends when the channel to its parent does.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { applyMigrations, dropEverything } from '../../test/integration/schema.ts'
import { openSqlLogin } from '../../test/integration/sql-login.ts'
import { startLocalAzure } from '../../test/local-azure.ts'
import { serveParent } from '../child.ts'
import type { Answer, Counts, Order, Ready } from './azure.ts'

const azure = await startLocalAzure()
const { authority, gateway } = azure
const login = await openSqlLogin(azure.upstream)
await login.lock('prisma-adapter-mssql-entra tests')
await dropEverything(login.run)
await applyMigrations(login.run)
await login.run("INSERT INTO [dbo].[User] ([email], [updatedAt]) VALUES ('ann@example.test', SYSUTCDATETIME())")

const folder = await mkdtemp(join(tmpdir(), 'cold-start-'))
const certificate = join(folder, 'gateway.pem')
await writeFile(certificate, gateway.ca)

/** Bytes are counted as a connection ends. */
async function counts(): Promise<Counts> {
  for (;;) {
    const { connections, logins, roundTrips, bytesIn, bytesOut, sessionsOpen, loggingIn } = gateway.stats()
    const { tokenRequests } = authority.stats()
    if (sessionsOpen + loggingIn === 0) {
      return { tokenRequests, connections, logins, roundTrips, bytes: bytesIn + bytesOut }
    }
    await delay(5)
  }
}

async function carryOut({ begin }: Order): Promise<Answer> {
  if (begin === undefined) return { counts: await counts() }
  gateway.linkDelay = begin.linkDelay
  authority.clearFaults()
  // An answer to one request over HTTP, on a connection that is there: a round trip.
  if (begin.linkDelay > 0) authority.inject({ delay: 2 * begin.linkDelay, endpoint: 'app-service' })
  const { token } = await authority.issueToken({ principal: authority.principals.find(isMachine)?.name ?? '' })
  authority.resetStats()
  gateway.resetStats()
  return { token }
}

const isMachine = ({ kind }: { kind: string }) => kind === 'system-assigned'

process.once('disconnect', async () => {
  await rm(folder, { recursive: true })
  await dropEverything(login.run)
  await login.close()
  await azure.close()
})
const { database } = azure.upstream
const ready: Ready = {
  place: { server: 'localhost', port: gateway.port, database },
  environment: { ...authority.environment('app-service'), NODE_EXTRA_CA_CERTS: certificate },
}
serveParent(ready, carryOut)
