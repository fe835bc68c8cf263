import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { metricsAsText, serveHealth } from '../../src/cli/health.ts'
import { emptyStats } from '../../src/proxy/events.ts'

describe('the health port of proxy', () => {
  it('reports on loopback whether the process is alive, whether a sign-in has worked or why not, and metrics', async () => {
    let why: string | undefined
    const stats = { ...emptyStats(), sessions: 3, sessionsOpen: 1 }
    stats.refused.credentials = 2
    const server = await serveHealth(
      0,
      () => stats,
      () => why,
    )
    const { port, address } = server.address() as AddressInfo
    expect(address).toBe('127.0.0.1')
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
      return [response.status, await response.text()] as const
    }
    expect(await get('/livez')).toEqual([200, 'ok\n'])
    expect(await get('/readyz')).toEqual([200, 'ok\n'])
    why = 'No\u001b[2J token.\nSign in.'
    expect(await get('/readyz')).toEqual([503, 'No [2J token.\nSign in.\n'])
    expect((await get('/livez'))[0]).toBe(200)
    expect((await get('/else'))[0]).toBe(404)
    expect((await get('/metrics', 'POST'))[0]).toBe(405)
    const [, metrics] = await get('/metrics')
    expect(metrics).toBe(metricsAsText(stats))
    expect(metrics).toContain(
      '# TYPE prisma_mssql_entra_proxy_sessions_total counter\nprisma_mssql_entra_proxy_sessions_total 3\n',
    )
    expect(metrics).toContain('prisma_mssql_entra_proxy_refused_total{reason="credentials"} 2\n')
    server.close()
    server.closeAllConnections()
  })
})
