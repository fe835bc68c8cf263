import { beforeAll, describe, expect, it } from 'vitest'
import { FunctionsHost } from './functions-host.ts'
import { ANN, BOB, useExampleDatabase } from './support.ts'

const db = useExampleDatabase()
const host = new FunctionsHost()
beforeAll(() => host.install())

describe('examples/azure-functions', () => {
  it('answers requests with one token and disconnects when the host stops it', async () => {
    await import('../../examples/azure-functions/src/functions/users.ts')
    expect(host.functions).toEqual([['users', expect.objectContaining({ type: 'httpTrigger', authLevel: 'function' })]])

    expect(await host.get('users')).toEqual({ status: 200, body: [ANN, BOB] })
    expect(await host.get('users', { role: 'admin' })).toEqual({ status: 200, body: [ANN] })
    expect(host.logs).toEqual(['2 users', '1 users'])
    expect(db.azure.authority.stats().byEndpoint['app-service']).toBe(1)
    expect(db.azure.gateway.stats().logins).toBe(1)

    const before = db.azure.gateway.stats().sessionsOpen
    await host.terminate()
    await expect.poll(() => db.azure.gateway.stats().sessionsOpen).toBe(before - 1)
  })
})
