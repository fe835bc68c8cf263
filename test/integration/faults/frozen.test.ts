import { describe, expect, it } from 'vitest'
import { useClientProcesses } from './client-process.ts'
import { useFaultyAzure } from './support.ts'
import { second, until } from './time.ts'

const azure = useFaultyAzure()
const startProcess = useClientProcesses(azure)

const LIFETIME = 2.5 * second

describe.skipIf(process.platform === 'win32')('a process that was frozen past its token’s end', () => {
  it.each([
    ['its first query', 1],
    ['a hundred at once', 100],
  ])('is right at %s, with one token request', async (_, queries) => {
    const { authority, gateway } = azure
    authority.tokenLifetime = LIFETIME
    const client = startProcess()
    expect(await client.connect()).toMatchObject({ failures: [] })
    client.freeze()
    const frozenAt = Date.now()
    const { tokenRequests } = authority.stats()
    const { logins } = gateway.stats()
    authority.tokenLifetime = 60 * second
    await until(() => expect(Date.now()).toBeGreaterThan(frozenAt + LIFETIME))

    client.thaw()
    const { failures, expiresOn } = await client.query(queries)
    expect(failures).toEqual([])
    expect(expiresOn).toBeGreaterThan(frozenAt + 30 * second)
    expect(authority.stats()).toMatchObject({ tokenRequests: tokenRequests + 1, maxInFlight: 1 })
    expect(gateway.stats()).toMatchObject({ requestsAfterExpiry: 0, loginFailures: {} })
    // One pool, with a probe at first.
    expect(gateway.stats().logins).toBeLessThanOrEqual(logins + 1 + 10)
    expect(await client.disconnect()).toBe(0)
  })
})
