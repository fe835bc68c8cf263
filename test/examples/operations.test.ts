import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { metrics } from '@opentelemetry/api'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, describe, expect, it } from 'vitest'
import { metricsServer } from '../../examples/operations/opentelemetry.ts'
import { logTo } from '../../examples/operations/pino.ts'
import { collectFrom } from '../../examples/operations/prometheus.ts'
import { openTelemetry } from '../../src/opentelemetry/index.ts'
import { useDatabase } from '../integration/database.ts'

const db = useDatabase()

afterAll(() => {
  metricsServer.close()
  metrics.disable()
})

/** The value of one series in Prometheus's text, by its name and some of its labels; undefined if there is none. */
function valueIn(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const line = text.split('\n').find((each) => {
    const has = Object.entries(labels).every(([key, value]) => each.includes(`${key}="${value}"`))
    return /^[\w:]+/.exec(each)?.[0] === name && has
  })
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

describe('examples/operations', () => {
  it('opentelemetry.ts: Prometheus reads the operations, connections and tokens of Prisma Client', async () => {
    const { prisma } = db.connect({ telemetry: openTelemetry() })
    await prisma.tag.create({ data: { name: 'one' } })
    await expect(prisma.tag.create({ data: { name: 'one' } })).rejects.toMatchObject({ code: 'P2002' })
    await prisma.$transaction([prisma.tag.count(), prisma.tag.count()])

    metricsServer.listen(0, '127.0.0.1')
    await once(metricsServer, 'listening')
    const { port } = metricsServer.address() as AddressInfo
    const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const text = await scrape()
    const { database } = db.azure.upstream
    const target = { db_system_name: 'microsoft.sql_server', db_namespace: database, server_address: 'localhost' }
    const operations = 'db_client_operation_duration_count'
    expect(valueIn(text, operations, { ...target, db_operation_name: 'BEGIN TRANSACTION' })).toBeGreaterThan(0)
    expect(valueIn(text, operations, { ...target, db_operation_name: 'COMMIT TRANSACTION' })).toBeGreaterThan(0)
    expect(valueIn(text, operations, { ...target, error_type: 'UniqueConstraintViolation' })).toBe(1)
    expect(valueIn(text, 'db_client_connection_create_time_count')).toBeGreaterThan(0)
    expect(valueIn(text, 'db_client_connection_count', { db_client_connection_state: 'used' })).toBe(0)
    expect(valueIn(text, 'db_client_connection_count', { db_client_connection_state: 'idle' })).toBeGreaterThan(0)
    expect(valueIn(text, 'mssql_entra_token_request_duration_count')).toBe(1)
    expect(valueIn(text, 'mssql_entra_token_time_left')).toBeGreaterThan(3_000)

    await prisma.$disconnect()
    const after = await scrape()
    expect(valueIn(text, 'db_client_connection_max')).toBe(10)
    expect(valueIn(after, 'db_client_connection_max')).toBe(0)
    const closed = { mssql_entra_close_reason: 'disconnected' }
    expect(valueIn(after, 'mssql_entra_connection_closed_total', closed)).toBeGreaterThan(0)
  })

  it('prometheus.ts: prom-client has the numbers of the adapter, and the events of the process', async () => {
    const register = new Registry()
    const { prisma, adapter } = db.connect()
    collectFrom(adapter, register)
    expect(valueIn(await register.metrics(), 'mssql_entra_token_time_left_seconds')).toBeNaN()
    await prisma.tag.count()
    const open = await register.metrics()
    expect(valueIn(open, 'db_client_connection_idle')).toBe(1)
    expect(valueIn(open, 'db_client_connection_used')).toBe(0)
    expect(valueIn(open, 'db_client_connection_pending_requests')).toBe(0)
    expect(valueIn(open, 'mssql_entra_token_time_left_seconds')).toBeGreaterThan(3_000)
    expect(valueIn(open, 'mssql_entra_events_total', { type: 'token.acquired' })).toBe(1)
    await prisma.$disconnect()
    const closed = await register.metrics()
    expect(valueIn(closed, 'mssql_entra_events_total', { type: 'connection.closed', reason: 'disconnected' })).toBe(1)
  })

  it('pino.ts: each event is a line, a warning if somebody should look at it, and no line has a token', async () => {
    const lines: string[] = []
    const logger = pino({ level: 'debug' }, { write: (line) => lines.push(line) })
    const tokens: string[] = []
    const credential = {
      getToken: async () => {
        const answer = await db.azure.authority.issueToken()
        tokens.push(answer.token)
        return answer
      },
    }
    db.azure.gateway.inject({ at: 'login', times: 1, action: { refuse: { number: 40613 } } })
    const { prisma } = db.connect({ credential, onEvent: logTo(logger) })
    await prisma.tag.count()
    await prisma.$disconnect()
    const told = lines
      .map((line) => JSON.parse(line))
      .map(({ level, msg, err }) => [logger.levels.labels[level], msg, err?.code])
    expect(told).toEqual([
      ['info', 'token.acquired', undefined],
      ['warn', 'connect.retry', 'DATABASE_UNAVAILABLE'],
      ['debug', 'connection.opened', undefined],
      ['debug', 'connection.closed', undefined],
    ])
    expect(tokens.length).toBeGreaterThan(0)
    for (const token of tokens) expect(lines.join()).not.toContain(token)
  })
})
