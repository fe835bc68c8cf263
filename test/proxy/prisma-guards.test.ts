import { describe, expect, it } from 'vitest'
import { refusedStatement } from '../../src/proxy/prisma-guards.ts'
import { encodeMessage, PacketType } from '../../src/tds/packet.ts'
import { useProxies } from './started-proxies.ts'
import { type TdsClient, targetFor } from './support.ts'

const proxies = useProxies()

/** ALL_HEADERS with a transaction descriptor (MS-TDS 2.2.5.3), as Prisma's engine sends it. */
const HEADERS = Buffer.from('16000000120000000200000000000000000001000000', 'hex')

const ask = (client: TdsClient, sql: string) =>
  client.ask(PacketType.SQL_BATCH, Buffer.concat([HEADERS, Buffer.from(sql, 'utf16le')]))

const SHADOW = 'CREATE DATABASE [prisma_migrate_shadow_db_7a0f9c6e-0d5f-4c0a-8b53-0f0a2ff2f3a1]'

describe('a shadow database that Prisma would create', () => {
  const refusal = (sql: string, host: string) =>
    refusedStatement(sql, { ...targetFor({ port: 1, ca: '' }), host }, 'name it here')

  it.each([
    'example.database.windows.net',
    'EXAMPLE.Database.Windows.Net.',
    'example.database.usgovcloudapi.net',
    'example.database.chinacloudapi.cn',
    'example.sql.azuresynapse.net',
    'example.database.fabric.microsoft.com',
    'example.datawarehouse.fabric.microsoft.com',
  ])('is refused where it would be billed: %s', (host) => {
    expect(refusal(SHADOW, host)).toMatch(/^This command needs a shadow database.* and name it here\.$/)
  })

  it.each([
    ['a database elsewhere', SHADOW, 'sql.example'],
    ['a database of another name', 'CREATE DATABASE [app]', 'example.database.windows.net'],
    ['any other statement', 'SELECT 1', 'example.database.windows.net'],
  ])('is distinguished from %s', (_, sql, host) => {
    expect(refusal(sql, host)).toBeUndefined()
  })

  it('does not reach the server, and the session continues', async () => {
    const refuseStatement = (sql: string) => (sql.startsWith('CREATE DATABASE [prisma') ? 'Not here.' : undefined)
    const started = await proxies.start({ refuseStatement })
    const client = await proxies.loggedIn(started)
    const answer = await ask(client, SHADOW)
    expect(answer.includes(Buffer.from('Not here.', 'utf16le'))).toBe(true)
    expect(answer.readInt32LE(3)).toBe(50_000)
    expect(proxies.server.packets).toEqual([])
    await ask(client, 'SELECT 1')
    await ask(client, `SELECT '${SHADOW}'`)
    expect(proxies.server.packets).toHaveLength(2)
  })

  it('is not detected in a batch of several packets, which is passed on whole', async () => {
    const started = await proxies.start({ refuseStatement: () => 'Not here.' })
    const client = await proxies.loggedIn(started)
    const batch = Buffer.concat([HEADERS, Buffer.from('-'.repeat(5_000), 'utf16le')])
    client.stream.write(encodeMessage(PacketType.SQL_BATCH, batch))
    await expect.poll(() => proxies.server.packets.length).toBe(3)
  })
})
