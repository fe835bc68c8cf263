import { metrics } from '@opentelemetry/api'
import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { afterEach, describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import { openTelemetry } from '../../src/opentelemetry/index.ts'
import { MINUTE, query } from '../pool/support.ts'
import { POOL, Sdk, setUp } from './support.ts'

const TARGET = {
  'db.system.name': 'microsoft.sql_server',
  'db.namespace': 'app',
  'server.address': 'sql.example.test',
}

/** Runs work while the clock moves by `ms`. */
async function during<T>({ clock }: ReturnType<typeof setUp>, work: Promise<T>, ms: number): Promise<T> {
  const settled = work.then(
    (value) => () => value,
    (error) => () => {
      throw error
    },
  )
  await clock.advance(ms)
  return (await settled)()
}

const sorted = <P extends { attributes: object }>(points: P[]): P[] =>
  points.sort((a, b) => JSON.stringify(a.attributes).localeCompare(JSON.stringify(b.attributes)))

describe('db.client.operation.duration', () => {
  const NAME = 'db.client.operation.duration'

  it('has the time from the call to the answer, with the wait for a connection, in seconds', async () => {
    const it = setUp()
    it.server.loginTime = 200
    await during(it, it.adapter.queryRaw(query('after 50')), 1_000)
    expect(await it.sdk.points(NAME)).toEqual([{ attributes: TARGET, value: { count: 1, sum: 0.25 } }])
  })

  it('has the buckets and the unit of the semantic conventions', async () => {
    const it = setUp()
    await it.adapter.executeRaw(query('UPDATE'))
    expect(await it.sdk.bounds(NAME)).toEqual([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
    const [metric] = (await it.sdk.metrics()).filter(({ descriptor }) => descriptor.name === NAME)
    expect(metric?.descriptor).toMatchObject({ unit: 's', description: 'Duration of database client operations.' })
  })

  it('names operations only where no SQL has to be parsed', async () => {
    const it = setUp()
    const transaction = await it.adapter.startTransaction()
    await transaction.createSavepoint?.('a')
    await transaction.queryRaw(query('SELECT'))
    await transaction.rollbackToSavepoint?.('a')
    await transaction.commit()
    const other = await it.adapter.startTransaction()
    await other.executeRaw(query('UPDATE'))
    await other.rollback()
    await it.adapter.executeScript('script')
    const counts = (await it.sdk.points(NAME)).map(({ attributes, value }) => [
      attributes['db.operation.name'],
      (value as { count: number }).count,
    ])
    expect(Object.fromEntries(counts)).toEqual({
      undefined: 3,
      'BEGIN TRANSACTION': 2,
      'SAVE TRANSACTION': 1,
      'ROLLBACK TRANSACTION': 2,
      'COMMIT TRANSACTION': 1,
    })
  })

  it.each([
    [
      "SQL Server's number",
      new DriverAdapterError({ kind: 'mssql', code: 8134, message: 'Divide by zero', originalCode: 'EREQUEST' }),
      { 'error.type': '8134', 'db.response.status_code': '8134' },
    ],
    [
      "Prisma's kind",
      new DriverAdapterError({ kind: 'UniqueConstraintViolation', originalCode: 'EREQUEST' }),
      { 'error.type': 'UniqueConstraintViolation' },
    ],
    [
      "this package's code",
      new EntraError('CONNECTION_LOST', 'moving', { number: 40197 }),
      { 'error.type': 'CONNECTION_LOST', 'db.response.status_code': '40197' },
    ],
    ['the name of an exception', new TypeError('x'), { 'error.type': 'TypeError' }],
  ])('has %s of a failed operation', async (_what, failure, attributes) => {
    const it = setUp()
    await it.adapter.queryRaw(query('SELECT'))
    const [connection] = it.server.open
    connection?.failures.push(failure)
    await expect(it.adapter.queryRaw(query('SELECT'))).rejects.toThrow()
    expect((await it.sdk.points(NAME)).map((point) => point.attributes)).toEqual([TARGET, { ...TARGET, ...attributes }])
  })

  it('counts an operation once that was run again on another connection, and not as failed', async () => {
    const it = setUp()
    await it.adapter.queryRaw(query('SELECT'))
    const [connection] = it.server.open
    connection?.failures.push(Object.assign(new Error('not sent'), { code: 'EINVALIDSTATE' }))
    await it.adapter.queryRaw(query('SELECT'))
    expect(await it.sdk.points(NAME)).toEqual([{ attributes: TARGET, value: { count: 2, sum: 0 } }])
  })

  it('has the port if it is not 1433, and the instance before the database', async () => {
    const it = setUp({}, { port: 50_000, instance: 'one' })
    await it.adapter.queryRaw(query('SELECT'))
    const [point] = await it.sdk.points(NAME)
    expect(point?.attributes).toEqual({ ...TARGET, 'db.namespace': 'one|app', 'server.port': 50_000 })
  })

  it('has no database if none is configured', async () => {
    const it = setUp({}, { database: undefined })
    await it.adapter.queryRaw(query('SELECT'))
    const [point] = await it.sdk.points(NAME)
    expect(point?.attributes).not.toHaveProperty('db.namespace')
  })
})

describe('the metrics of a pool', () => {
  it('count connections by state, and say how many there may be and how much work waits', async () => {
    const it = setUp({ max: 2, min: 1 })
    it.server.roundTrip = 10
    const work = [1, 2, 3].map(() => it.adapter.queryRaw(query('after 90')))
    await it.clock.advance(50)
    const state = (name: string) => ({ ...POOL, 'db.client.connection.state': name })
    expect(sorted(await it.sdk.points('db.client.connection.count'))).toEqual([
      { attributes: state('idle'), value: 0 },
      { attributes: state('used'), value: 2 },
    ])
    expect(await it.sdk.points('db.client.connection.pending_requests')).toEqual([{ attributes: POOL, value: 1 }])
    expect(await it.sdk.points('db.client.connection.max')).toEqual([{ attributes: POOL, value: 2 }])
    expect(await it.sdk.points('db.client.connection.idle.min')).toEqual([{ attributes: POOL, value: 1 }])
    await it.clock.advance(1_000)
    await Promise.all(work)
    expect(
      sorted(await it.sdk.points('db.client.connection.count')).map(({ attributes, value }) => [attributes, value]),
    ).toEqual([
      [state('idle'), 2],
      [state('used'), 0],
    ])
  })

  it('have the times to log in, to wait for a connection and to use it', async () => {
    const it = setUp({ max: 1 })
    it.server.loginTime = 300
    const work = [it.adapter.queryRaw(query('after 100')), it.adapter.queryRaw(query('after 50'))]
    await during(it, Promise.all(work), 1_000)
    const series = async (name: string) => (await it.sdk.points(`db.client.connection.${name}`))[0]
    expect(await series('create_time')).toEqual({ attributes: POOL, value: { count: 1, sum: 0.3 } })
    expect(await series('wait_time')).toEqual({ attributes: POOL, value: { count: 2, sum: 0.7 } })
    expect(await series('use_time')).toEqual({ attributes: POOL, value: { count: 2, sum: expect.closeTo(0.15) } })
    expect(await it.sdk.points('db.client.connection.timeouts')).toEqual([{ attributes: POOL, value: 0 }])
  })

  it('use a connection for as long as its transaction lasts', async () => {
    const it = setUp()
    const transaction = await it.adapter.startTransaction()
    await it.clock.advance(2_000)
    await transaction.commit()
    await it.clock.advance(0)
    const [use] = await it.sdk.points('db.client.connection.use_time')
    expect(use?.value).toEqual({ count: 1, sum: 2 })
  })

  it('count work that got no connection within poolTimeout, and not other failures', async () => {
    const it = setUp({ max: 1, poolTimeout: 1_000 })
    const running = it.adapter.queryRaw(query('after 3000'))
    await it.clock.advance(10)
    await expect(during(it, it.adapter.queryRaw(query('SELECT')), 1_500)).rejects.toThrow('No connection was free')
    await during(it, running, 3_000)
    await it.adapter.dispose()
    await expect(it.adapter.queryRaw(query('SELECT'))).rejects.toThrow('disconnected')
    expect(await it.sdk.points('db.client.connection.timeouts')).toEqual([{ attributes: POOL, value: 1 }])
  })

  it('count failed logins by their reason', async () => {
    const it = setUp({ connectRetryTimeout: 0 })
    it.server.onLogin = () => {
      throw new EntraError('FIREWALL', 'closed', { number: 40615 })
    }
    await expect(during(it, it.adapter.queryRaw(query('SELECT')), 10)).rejects.toThrow('closed')
    expect(await it.sdk.points('mssql_entra.login.failures')).toEqual([
      { attributes: { ...POOL, 'error.type': 'FIREWALL', 'db.response.status_code': '40615' }, value: 1 },
    ])
    expect(await it.sdk.points('db.client.connection.create_time')).toEqual([])
  })

  it('do not count a login that was given up as failed', async () => {
    const it = setUp()
    it.server.loginTime = 10_000
    const failed = it.adapter.queryRaw(query('SELECT')).catch((error) => error)
    await it.clock.advance(100)
    await during(it, it.adapter.dispose(), 100)
    expect(await failed).toMatchObject({ message: expect.stringContaining('disconnected') })
    expect(await it.sdk.points('mssql_entra.login.failures')).toEqual([])
  })

  it('count closed connections by reason', async () => {
    const it = setUp()
    await it.adapter.queryRaw(query('SELECT'))
    for (const connection of it.server.open) connection.drop()
    await it.clock.advance(0)
    await it.adapter.queryRaw(query('SELECT'))
    await it.clock.advance(MINUTE)
    const counts = (await it.sdk.points('mssql_entra.connection.closed')).map(({ attributes, value }) => [
      attributes['mssql_entra.close.reason'],
      value,
    ])
    const none = { disconnected: 0, expired: 0, replaced: 0, unusable: 0 }
    expect(Object.fromEntries(counts)).toEqual({ idle: 1, lost: 1, ...none })
  })

  it('add up adapters whose pools have the same name, and are 0 without a client', async () => {
    const sdk = new Sdk()
    const one = setUp({ max: 2 }, {}, { sdk })
    const two = setUp({ max: 3 }, {}, { sdk })
    const third = setUp({ max: 7 }, {}, { sdk, options: { poolName: 'other' } })
    await one.adapter.queryRaw(query('SELECT'))
    await two.clock.advance(0)
    const max = async () =>
      (await sdk.points('db.client.connection.max')).map(({ attributes, value }) => [
        Object.values(attributes)[0],
        value,
      ])
    const name = Object.values(POOL)[0]
    expect(await max()).toEqual([
      [name, 5],
      ['other', 7],
    ])
    await one.adapter.dispose()
    await third.adapter.dispose()
    expect(await max()).toEqual([
      [name, 3],
      ['other', 0],
    ])
  })
})

describe('the metrics of tokens and rotations', () => {
  it('count token requests, and failures by their reason', async () => {
    const it = setUp()
    it.credential.answer(new Error('not now'))
    await during(it, it.adapter.queryRaw(query('SELECT')), 10_000)
    expect(sorted(await it.sdk.points('mssql_entra.token.request.duration'))).toEqual([
      { attributes: { 'error.type': 'TOKEN_REQUEST_FAILED' }, value: { count: 1, sum: expect.any(Number) } },
      { attributes: { 'mssql_entra.credential': 'FakeCredential' }, value: { count: 1, sum: expect.any(Number) } },
    ])
  })

  it('say how many seconds the first token has left, while a connection is open', async () => {
    const it = setUp()
    expect(await it.sdk.points('mssql_entra.token.time_left')).toEqual([{ attributes: POOL, value: Number.NaN }])
    await it.adapter.queryRaw(query('SELECT'))
    await it.clock.advance(10_000)
    expect(await it.sdk.points('mssql_entra.token.time_left')).toEqual([{ attributes: POOL, value: 3_590 }])
    await it.clock.advance(MINUTE)
    expect(await it.sdk.points('mssql_entra.token.time_left')).toEqual([{ attributes: POOL, value: Number.NaN }])
  })

  it('have the duration of rotations by reason, and failed ones by error', async () => {
    const it = setUp({ min: 1 })
    await it.adapter.queryRaw(query('SELECT'))
    it.server.loginTime = 400
    let failures = 1
    it.server.onLogin = () => {
      if (failures-- > 0) throw new EntraError('CONNECT_FAILED', 'no')
    }
    await it.clock.advance(59 * MINUTE)
    const reason = { ...POOL, 'mssql_entra.rotation.reason': 'token' }
    expect(sorted(await it.sdk.points('mssql_entra.rotation.duration'))).toEqual([
      { attributes: { ...reason, 'error.type': 'CONNECT_FAILED' }, value: { count: 1, sum: 0.4 } },
      { attributes: reason, value: { count: 1, sum: 0.4 } },
    ])
  })
})

it('no metric and no span contains a token', async () => {
  const it = setUp()
  const answer = it.credential.token('s3cret')
  it.credential.answer(answer)
  it.server.onLogin = () => {
    throw new EntraError('CONNECT_FAILED', 'no')
  }
  await expect(during(it, it.adapter.queryRaw(query('SELECT')), 120_000)).rejects.toThrow()
  const told = JSON.stringify([
    await it.sdk.metrics(),
    it.sdk.spans.map(({ attributes, status, events, name }) => ({ attributes, status, events, name })),
  ])
  expect(told).toContain('mssql_entra.login')
  expect(told).not.toContain('s3cret')
})

describe('openTelemetry() without providers', () => {
  afterEach(() => metrics.disable())

  it('changes nothing without an SDK', async () => {
    const it = setUp({}, {}, { telemetry: openTelemetry() })
    expect(await it.adapter.queryRaw(query('SELECT'))).toMatchObject({ rows: [[1]] })
    await it.adapter.dispose()
    await expect(it.adapter.queryRaw(query('SELECT'))).rejects.toThrow('disconnected')
  })

  it('uses the SDK that is registered when a client connects, even if it was called before', async () => {
    const telemetry = openTelemetry()
    const sdk = new Sdk()
    metrics.setGlobalMeterProvider(sdk.providers.meterProvider)
    const it = setUp({}, {}, { telemetry })
    await it.adapter.queryRaw(query('SELECT'))
    expect(await sdk.points('db.client.operation.duration')).toHaveLength(1)
  })
})
