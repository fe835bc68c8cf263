import { expect, it, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { officialPools } from '../../src/rotation/official-pool.ts'
import { Lease } from '../../src/token/lease.ts'
import { useDatabase } from '../integration/database.ts'

const db = useDatabase()
const QUERY = { sql: 'SELECT 1', args: [], argTypes: [] }

/** A pool after its probe, whose logins may take ten minutes. */
async function openPool() {
  const { token, expiresOnTimestamp: expiresOn } = await db.azure.authority.issueToken()
  const config = db.azure.config({ connectionTimeout: 600_000, pool: { acquireTimeoutMillis: 600_000 } })
  const open = officialPools(config, {}, 'https://database.windows.net/', systemClock)
  const lease = new Lease(token, { expiresOn, refreshAfter: expiresOn }, systemClock)
  const pool = await open(lease, new AbortController().signal)
  db.azure.gateway.resetStats()
  return pool
}

it('a pool that was closed has no connections to close, to lend or to warm', async () => {
  const pool = await openPool()
  await pool.warmUp(2, 2)
  expect([pool.lendable(), pool.connectionCount()]).toEqual([2, 2])
  pool.terminate()
  await pool.dispose()
  pool.closeIdle()
  await pool.warmUp(1, 1)
  await pool.prepare()
  expect([pool.lendable(), pool.connectionCount()]).toEqual([0, 0])
})

it('a connection that is being prepared is for the work that comes first; nothing is prepared beside one', async () => {
  const pool = await openPool()
  const login = db.azure.gateway.inject({ at: 'login', action: { delay: 200 } })
  const prepared = [pool.prepare(), pool.prepare()]
  await vi.waitFor(() => expect(login.hits).toBe(1), { timeout: 10_000 })
  await Promise.all([pool.queryRaw(QUERY), ...prepared])
  await pool.prepare()
  await pool.queryRaw(QUERY)
  login.clear()
  expect([login.hits, db.azure.gateway.stats().connections]).toEqual([1, 1])
  await pool.dispose()
})

it('a pool that is closed does not wait for the connection that it prepares', async () => {
  const pool = await openPool()
  const hang = db.azure.gateway.inject({ at: 'login', action: { hang: true } })
  const prepared = pool.prepare()
  await vi.waitFor(() => expect(hang.hits).toBe(1), { timeout: 10_000 })
  await pool.dispose()
  await prepared
  hang.clear()
  expect(pool.connectionCount()).toBe(0)
  // The gateway itself ends the login after 15 s.
}, 10_000)
