import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { ClientAdapter } from '../../src/client/client-adapter.ts'
import { SEND_MARGIN } from '../../src/token/refresh-policy.ts'
import { HOUR, MINUTE, query, setUp } from '../pool/support.ts'
import type { FakeConnection } from '../support/fake-server.ts'

type Made = ReturnType<typeof setUp> & { adapter: SqlDriverAdapter }

function client(...args: Parameters<typeof setUp>): Made {
  const made = setUp(...args)
  return {
    ...made,
    adapter: new ClientAdapter(made.pool, { supportsRelationJoins: false }, () => {}),
  }
}

/** The connection that is open, after a query has opened it. */
async function opened(it: Made): Promise<FakeConnection> {
  await it.adapter.queryRaw(query('SELECT'))
  const [connection] = it.server.open
  return connection as FakeConnection
}

const sent = ({ server }: Made) => server.statements.map(({ sql, connection }) => `${connection}: ${sql}`)
const withCode = (code: string) => Object.assign(new Error(`The driver says ${code}.`), { code })
const expiredInSession = () =>
  new DriverAdapterError({ kind: 'mssql', code: 37396, message: 'Access token is expired.' })

describe('a statement', () => {
  it('runs on a connection of the pool and releases it', async () => {
    const it = client()
    expect(await it.adapter.queryRaw(query('SELECT 1'))).toMatchObject({ rows: [[1]] })
    expect(await it.adapter.executeRaw(query('UPDATE'))).toBe(1)
    await it.adapter.executeScript('a script')
    expect([sent(it), it.pool.stats()]).toMatchObject([['1: SELECT 1', '1: UPDATE', '1: a script'], { inFlight: 0 }])
  })

  it('that fails with an SQL error is not run again and releases its connection', async () => {
    const it = client()
    const connection = await opened(it)
    const failure = new DriverAdapterError({ kind: 'TransactionWriteConflict' })
    connection.failures.push(failure)
    await expect(it.adapter.executeRaw(query('UPDATE'))).rejects.toBe(failure)
    expect([it.server.statements.length, it.pool.stats()]).toMatchObject([2, { connectionsOpen: 1, inFlight: 0 }])
  })

  it('whose connection was lost before it was sent runs again on another', async () => {
    const it = client()
    ;(await opened(it)).failures.push(withCode('EINVALIDSTATE'))
    expect(await it.adapter.executeRaw(query('UPDATE'))).toBe(1)
    expect(sent(it)).toEqual(['1: SELECT', '1: UPDATE', '1: UPDATE'])
  })

  it('that loses every connection before it is sent is run again three times', async () => {
    const it = client()
    const connection = await opened(it)
    for (let n = 0; n < 10; n++) connection.failures.push(withCode('EINVALIDSTATE'))
    await expect(it.adapter.executeRaw(query('UPDATE'))).rejects.toMatchObject({
      code: 'P1017',
      cause: { code: 'NOT_SENT' },
    })
    expect(it.server.statements).toHaveLength(1 + 4)
  })

  it('is not run again after connectRetryTimeout', async () => {
    const it = client({ connectRetryTimeout: 10_000 })
    ;(await opened(it)).failures.push(withCode('EINVALIDSTATE'))
    const failed = it.adapter.executeRaw(query('after 10000')).catch((error: unknown) => error)
    await it.clock.advance(10_000)
    expect(await failed).toMatchObject({ cause: { code: 'NOT_SENT' } })
    expect(it.server.statements).toHaveLength(2)
  })

  it('whose connection was lost after it was sent is not run again, since it may have run', async () => {
    const it = client()
    const connection = await opened(it)
    const failed = it.adapter.executeRaw(query('after 100')).catch((error: unknown) => error)
    await it.clock.advance(50)
    connection.drop()
    expect(await failed).toMatchObject({ code: 'P1017', cause: { code: 'CONNECTION_LOST' } })
    expect(it.server.statements).toHaveLength(2)
  })

  it('that the server refused because of its token runs once more, and not a third time', async () => {
    const it = client()
    ;(await opened(it)).failures.push(expiredInSession())
    it.server.onLogin = () => {}
    const again = it.adapter.executeRaw(query('UPDATE'))
    await it.clock.advance(5_000)
    expect(await again).toBe(2)
    expect([sent(it), it.credential.requests]).toEqual([['1: SELECT', '1: UPDATE', '2: UPDATE'], 2])
  })

  it('that is still running when its token expires fails with the reason', async () => {
    const it = client({}, { random: 1 })
    await opened(it)
    const failed = it.adapter.executeRaw(query(`after ${2 * HOUR}`)).catch((error: unknown) => error)
    await it.clock.advance(HOUR)
    expect(await failed).toMatchObject({ code: 'P1017', cause: { code: 'STATEMENT_TOKEN_EXPIRED' } })
  })

  it('that $disconnect cuts short fails with the reason', async () => {
    const it = client({ disconnectTimeout: 1_000 })
    await opened(it)
    const failed = it.adapter.executeRaw(query('after 5000')).catch((error: unknown) => error)
    await it.clock.advance(0)
    const disposed = it.adapter.dispose()
    await it.clock.advance(1_000)
    await disposed
    expect(await failed).toMatchObject({ code: 'CLOSED', message: expect.stringContaining('disconnected while') })
  })
})

const refused = (number: number) =>
  new DriverAdapterError({ kind: 'mssql', code: number, message: `Error ${number} of the server.` })

/** Runs one statement whose connection answers with errors of these numbers first. */
async function runAfter(it: Made, numbers: readonly number[], sql = 'UPDATE') {
  const connection = await opened(it)
  connection.failures.push(...numbers.map(refused))
  const started = it.clock.now()
  const done = it.adapter.queryRaw(query(sql)).then(
    () => it.clock.now() - started,
    (error: unknown) => error,
  )
  await it.clock.advance(120_000)
  return done
}

describe('a statement that the server refused because its database moves or is at its limit', () => {
  it.each([
    [40613, 450],
    [615, 450],
    [926, 450],
    [4221, 450],
    [10928, 450],
    [10929, 450],
    [10936, 450],
    [40501, 10_000],
    [49918, 10_000],
  ])('with %i did not run, and runs again after %i ms', async (number, pause) => {
    const it = client({}, { random: 0.5 })
    expect(await runAfter(it, [number])).toBe(pause)
    expect(sent(it)).toHaveLength(3)
  })

  it('waits longer each time, and fails when connectRetryTimeout is up', async () => {
    const it = client({ connectRetryTimeout: 10_000 }, { random: 0 })
    const error = await runAfter(
      it,
      Array.from({ length: 50 }, () => 10928),
    )
    expect(error).toMatchObject({
      code: 'P2037',
      message: expect.stringMatching(/refused a statement.*10928.*did not run/),
      cause: { code: 'TOO_MANY_CONNECTIONS', number: 10928 },
    })
    // At 0, 0.5, 1.5, 3.5 and 7.5 s; the next pause would be too long.
    expect(it.server.statements.slice(1).map(({ at }) => at - (it.server.statements[1]?.at ?? 0))).toEqual([
      0, 500, 1_500, 3_500, 7_500,
    ])
  })

  it('for longer than poolTimeout still gets its full wait for a connection', async () => {
    const it = client()
    it.server.roundTrip = 10
    it.server.refusal = () => refused(10928)
    const work = Array.from({ length: 20 }, () => it.adapter.executeRaw(query('UPDATE')))
    await it.clock.advance(35_000)
    it.server.refusal = () => undefined
    await it.clock.advance(10_000)
    expect((await Promise.allSettled(work)).map(({ status }) => status)).toEqual(work.map(() => 'fulfilled'))
  })

  it.each([40197, 596])('with %i may have run, and is not run again', async (number) => {
    const it = client()
    expect(await runAfter(it, [number])).toMatchObject({
      code: 'P1017',
      message: expect.stringContaining('may have run'),
      cause: { code: 'CONNECTION_LOST', number },
    })
    expect(sent(it)).toHaveLength(2)
  })

  it('in a script fails, since the statements before it may have run', async () => {
    const it = client()
    ;(await opened(it)).failures.push(refused(40613))
    await expect(it.adapter.executeScript('UPDATE')).rejects.toMatchObject({ code: 'P1001' })
    expect(sent(it)).toHaveLength(2)
  })

  it('is not waited for after $disconnect', async () => {
    const it = client()
    ;(await opened(it)).failures.push(refused(40501))
    const failed = it.adapter.executeRaw(query('UPDATE')).catch((error: unknown) => error)
    await it.clock.advance(1_000)
    await it.adapter.dispose()
    expect(await failed).toMatchObject({ code: 'CLOSED' })
  })

  it('in a transaction is not run again: the caller may repeat the transaction', async () => {
    const it = client()
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    connection?.failures.push(refused(40613))
    await expect(transaction.executeRaw(query('UPDATE'))).rejects.toMatchObject({
      code: 'P2034',
      cause: { code: 'TRANSACTION_INTERRUPTED', number: 40613 },
    })
    expect(sent(it)).toEqual(['1: BEGIN', '1: UPDATE'])
  })
})

describe('a statement that found its database read-only', () => {
  /** Writes while the first logins lead to the old primary. */
  const writeWhile = async (it: Made, logins: number) => {
    it.server.refusal = ({ number }) => (number <= logins ? refused(3906) : undefined)
    const done = it.adapter.executeRaw(query('UPDATE')).catch((error: unknown) => error)
    await it.clock.advance(20_000)
    return done
  }

  it('runs on a new connection, and not on one that was opened before', async () => {
    const it = client()
    const both = [it.adapter.executeRaw(query('after 1')), it.adapter.executeRaw(query('after 1'))]
    await it.clock.advance(1)
    await Promise.all(both)
    const last = [...it.server.open].at(-1)
    last?.failures.push(refused(3906))
    const done = it.adapter.executeRaw(query('UPDATE'))
    await it.clock.advance(1_000)
    expect([await done, [...it.server.open].map(({ number }) => number)]).toEqual([3, [3]])
  })

  it('on a second connection too fails at once if nothing was ever written: it is a replica', async () => {
    const it = client()
    await opened(it)
    expect(await writeWhile(it, 100)).toMatchObject({ code: 'P1001', cause: { code: 'DATABASE_READ_ONLY' } })
    expect(it.server.logins).toBe(2)
  })

  it('waits for the new primary if the same client has written before', async () => {
    const it = client()
    await opened(it)
    await it.adapter.executeRaw(query('UPDATE'))
    expect(await writeWhile(it, 3)).toBe(4)
  })

  it('in a transaction also closes the connections to the old primary', async () => {
    const it = client()
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    connection?.failures.push(refused(3906))
    await expect(transaction.executeRaw(query('UPDATE'))).rejects.toMatchObject({ code: 'P2034' })
    await transaction.rollback()
    await it.clock.advance(0)
    expect(connection?.closedBy).toBe('unusable')
  })
})

describe('a read whose connection was lost', () => {
  const lose = async (sql: string, retryReads: boolean) => {
    const it = setUp()
    const adapter = new ClientAdapter(it.pool, { supportsRelationJoins: false }, () => {}, retryReads)
    await adapter.queryRaw(query('SELECT 1'))
    const [connection] = it.server.open
    connection?.failures.push(withCode('ESOCKET'))
    return adapter.queryRaw(query(sql)).then(
      () => 'done',
      ({ cause }) => cause.code,
    )
  }

  it.each([
    ['SELECT 1', true, 'done'],
    ['SELECT 1', false, 'CONNECTION_LOST'],
    ['INSERT INTO t OUTPUT inserted.id VALUES (1)', true, 'CONNECTION_LOST'],
    ['SELECT * INTO t2 FROM t', true, 'CONNECTION_LOST'],
  ])('is run again only if it is certainly one and retryReads is on (%s, %s)', async (sql, retryReads, outcome) => {
    expect(await lose(sql, retryReads)).toBe(outcome)
  })
})

describe('a session that reports that it is moving', () => {
  it('is closed, and the others are validated before they are lent', async () => {
    const it = client()
    const both = [it.adapter.executeRaw(query('after 1')), it.adapter.executeRaw(query('after 1'))]
    await it.clock.advance(1)
    await Promise.all(both)
    const [first, second] = [...it.server.open] as [FakeConnection, FakeConnection]
    second.failures.push(refused(40197))
    const failed = it.adapter.executeRaw(query('UPDATE')).catch((error: unknown) => error)
    second.isMoving = true
    await failed
    await it.adapter.executeRaw(query('UPDATE'))
    expect([second.closedBy, first.validations]).toEqual(['unusable', 1])
  })
})

describe('a transaction', () => {
  it('begins and ends on one connection and releases it', async () => {
    const it = client()
    const transaction = await it.adapter.startTransaction()
    await transaction.executeRaw(query('UPDATE'))
    expect(it.pool.stats().inFlight).toBe(1)
    await transaction.commit()
    await it.clock.advance(0)
    expect([sent(it), it.pool.stats()]).toMatchObject([
      ['1: BEGIN', '1: UPDATE', '1: COMMIT'],
      { connectionsOpen: 1, inFlight: 0 },
    ])
  })

  it('whose BEGIN was lost begins again', async () => {
    const it = client()
    ;(await opened(it)).failures.push(withCode('ESOCKET'))
    await it.adapter.startTransaction()
    expect(sent(it).slice(1)).toEqual(['1: BEGIN', '1: BEGIN'])
  })

  it('whose COMMIT the server answered with an error leaves a connection that is not lent again', async () => {
    const it = client()
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    connection?.failures.push(new Error('Not now.'))
    await expect(transaction.commit()).rejects.toThrow('Not now.')
    await it.clock.advance(0)
    expect(connection?.closedBy).toBe('unusable')
  })

  it('with its own isolation level resets the session’s level, and COMMIT does not wait for that', async () => {
    const it = client()
    const connection = await opened(it)
    const transaction = await it.adapter.startTransaction('SERIALIZABLE')
    it.server.roundTrip = 100
    let committed = false
    const commit = transaction.commit().then(() => {
      committed = true
    })
    await it.clock.advance(100)
    await commit
    expect([committed, it.pool.stats().inFlight, connection.isolationLevel]).toEqual([true, 1, 'SERIALIZABLE'])
    await it.clock.advance(100)
    expect([it.pool.stats().inFlight, connection.isolationLevel]).toEqual([0, 'READ COMMITTED'])
  })

  it('whose token has expired sends nothing more, not even ROLLBACK', async () => {
    const it = client({}, { random: 1 })
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    // Frozen: no timer runs.
    it.clock.jump(2 * HOUR)
    await expect(transaction.executeRaw(query('UPDATE'))).rejects.toMatchObject({ code: 'P2034' })
    await transaction.rollback()
    expect([sent(it), connection?.closedBy]).toEqual([['1: BEGIN'], 'expired'])
  })

  it('sends nothing that would reach the server after its token expires', async () => {
    const it = client({}, { random: 1 })
    const transaction = await it.adapter.startTransaction()
    it.clock.jump(HOUR - SEND_MARGIN - 1)
    await transaction.executeRaw(query('UPDATE'))
    it.clock.jump(1)
    await expect(transaction.commit()).rejects.toMatchObject({ cause: { code: 'TRANSACTION_TOKEN_EXPIRED' } })
    expect(sent(it)).toEqual(['1: BEGIN', '1: UPDATE'])
  })

  it('whose COMMIT the driver did not send because the token expired can be run again by its caller', async () => {
    const it = client({}, { random: 1 })
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    connection?.failures.push(withCode('EINVALIDSTATE'))
    it.server.roundTrip = 1
    it.clock.jump(HOUR - SEND_MARGIN - 1)
    const failed = transaction.commit().catch((error: unknown) => error)
    await it.clock.advance(1)
    expect(await failed).toMatchObject({ code: 'P2034', cause: { code: 'TRANSACTION_TOKEN_EXPIRED' } })
  })

  it('whose session the server ended because of its token gives up a connection that is called unusable, not lost', async () => {
    const it = client()
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    connection?.failures.push(expiredInSession())
    await expect(transaction.executeRaw(query('UPDATE'))).rejects.toMatchObject({ code: 'P2034' })
    await it.clock.advance(0)
    expect(it.events.at(-1)).toMatchObject({ type: 'connection.closed', reason: 'unusable' })
  })

  it('continues past the deadline of its connection and is cut off when its token expires', async () => {
    const it = client({}, { random: 1 })
    const transaction = await it.adapter.startTransaction()
    it.credential.answer(...Array.from({ length: 100 }, () => new Error('down')))
    await it.clock.advance(59 * MINUTE)
    await transaction.executeRaw(query('UPDATE'))
    const failed = transaction.executeRaw(query(`after ${HOUR}`)).catch((error: unknown) => error)
    await it.clock.advance(MINUTE)
    expect(await failed).toMatchObject({ code: 'P2034', cause: { code: 'TRANSACTION_TOKEN_EXPIRED' } })
    expect(it.events.at(-1)).toMatchObject({ type: 'connection.closed', reason: 'expired' })
  })

  it('whose COMMIT is cut off when its token expires is not reported as rolled back', async () => {
    const it = client({}, { random: 1 })
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    ;(connection as FakeConnection).answers = false
    const failed = transaction.commit().catch((error: unknown) => error)
    await it.clock.advance(HOUR)
    expect(await failed).toMatchObject({ cause: { code: 'STATEMENT_TOKEN_EXPIRED' } })
  })

  it('stays on its connection during a rotation while other work runs on the replacement', async () => {
    const it = client({ maxIdleConnectionLifetime: HOUR })
    const transaction = await it.adapter.startTransaction()
    await it.clock.advance(57 * MINUTE)
    await transaction.executeRaw(query('UPDATE'))
    await it.adapter.executeRaw(query('INSERT'))
    await transaction.commit()
    await it.clock.advance(0)
    expect(sent(it)).toEqual(['1: BEGIN', '1: UPDATE', '2: INSERT', '1: COMMIT'])
    expect(it.pool.stats()).toMatchObject({ connectionsOpen: 1, inFlight: 0, rotations: 1 })
  })

  it('continues past its token’s expiry if sessions may outlive tokens, but nothing new starts on its connection', async () => {
    const it = client({ sessionsOutliveTokens: true, maxIdleConnectionLifetime: HOUR })
    const transaction = await it.adapter.startTransaction()
    await it.clock.advance(80 * MINUTE)
    await transaction.executeRaw(query('UPDATE'))
    await it.adapter.executeRaw(query('INSERT'))
    await transaction.commit()
    await it.clock.advance(0)
    expect(sent(it)).toEqual(['1: BEGIN', '1: UPDATE', '2: INSERT', '1: COMMIT'])
    expect([...it.server.open].map(({ number }) => number)).toEqual([2])
  })

  it('whose session the server ended because of its token can be run again by its caller', async () => {
    const it = client()
    const transaction = await it.adapter.startTransaction()
    const [connection] = it.server.open
    connection?.failures.push(expiredInSession())
    await expect(transaction.executeRaw(query('UPDATE'))).rejects.toMatchObject({
      code: 'P2034',
      cause: { code: 'TRANSACTION_TOKEN_EXPIRED' },
    })
  })
})
