import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { officialPools } from '../../src/rotation/official-pool.ts'
import { Lease } from '../../src/token/lease.ts'
import { useDatabase } from '../integration/database.ts'

const db = useDatabase()

it('a pool that was closed has no connections to close, to lend or to warm', async () => {
  const { token, expiresOnTimestamp: expiresOn } = await db.azure.authority.issueToken()
  const open = officialPools(db.azure.config(), {}, 'https://database.windows.net/', systemClock)
  const pool = await open(
    new Lease(token, { expiresOn, refreshAfter: expiresOn }, systemClock),
    new AbortController().signal,
  )
  await pool.warmUp(2, 2)
  expect([pool.lendable(), pool.connectionCount()]).toEqual([2, 2])
  pool.terminate()
  await pool.dispose()
  pool.closeIdle()
  await pool.warmUp(1, 1)
  expect([pool.lendable(), pool.connectionCount()]).toEqual([0, 0])
})
