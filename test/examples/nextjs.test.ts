import { afterEach, describe, expect, it, vi } from 'vitest'
import { ANN, BOB, useExampleDatabase } from './support.ts'

const db = useExampleDatabase()

const loadRoute = () => import('../../examples/nextjs/app/api/users/route.ts')
const loadClient = () => import('../../examples/nextjs/lib/prisma.ts')

afterEach(async () => {
  const kept = globalThis as { prisma?: { $disconnect(): Promise<void> } }
  await kept.prisma?.$disconnect()
  delete kept.prisma
})

describe('examples/nextjs', () => {
  it('answers its route and keeps one client and its connections through hot reloads', async () => {
    const route = await loadRoute()
    const first = await route.GET(new Request('http://localhost:3000/api/users'))
    expect([first.status, await first.json()]).toEqual([200, [ANN, BOB]])
    const { logins } = db.azure.gateway.stats()
    const client = (await loadClient()).prisma()

    vi.resetModules()
    const reloaded = await loadRoute()
    expect(reloaded.GET).not.toBe(route.GET)
    const second = await reloaded.GET(new Request('http://localhost:3000/api/users?role=admin'))
    expect(await second.json()).toEqual([ANN])
    expect((await loadClient()).prisma()).toBe(client)
    expect(db.azure.gateway.stats().logins).toBe(logins)
    expect(db.azure.authority.stats().byEndpoint['app-service']).toBeLessThanOrEqual(1)
  })

  it('can be loaded by a build without a database', async () => {
    vi.resetModules()
    vi.stubEnv('DATABASE_URL', undefined)
    const { GET } = await loadRoute()
    await expect(GET(new Request('http://localhost:3000/api/users'))).rejects.toThrow('DATABASE_URL is not set')
  })
})
