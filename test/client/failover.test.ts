import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { ClientAdapter } from '../../src/client/client-adapter.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { MINUTE, query, setUp } from '../pool/support.ts'

type Made = ReturnType<typeof client>
type Kind = 'read' | 'write' | 'transaction'

/** A piece of work; times in ms since the load began. */
interface Done {
  kind: Kind
  from: number
  until: number
  code: string | undefined
}

const MIX: readonly Kind[] = ['read', 'write', 'transaction']
const OLD = '10.0.0.1'
const NEW = '10.0.0.2'

/** A client that has written. A login takes 100 ms, and a statement 10 ms. */
async function client(random = 0.5) {
  const made = setUp({}, { random })
  made.server.address = OLD
  made.server.loginTime = 100
  made.server.roundTrip = 10
  const adapter = new ClientAdapter(made.pool, { supportsRelationJoins: false }, () => {})
  const it = { ...made, adapter }
  const written = adapter.executeRaw(query('INSERT'))
  await it.clock.advance(1_000)
  await written
  return it
}

/** Ten pieces of work a second of these kinds in turn, for `duration` ms, while things happen at their times. */
async function load(
  { adapter, clock }: Awaited<Made>,
  duration: number,
  happens: Readonly<Record<number, () => void>>,
  kinds = MIX,
): Promise<Done[]> {
  const start = clock.now()
  const all: Promise<Done>[] = []
  const work: Record<Kind, () => Promise<unknown>> = {
    read: () => adapter.queryRaw(query('SELECT')),
    write: () => adapter.executeRaw(query('INSERT')),
    transaction: async () => {
      const transaction = await adapter.startTransaction()
      try {
        await transaction.queryRaw(query('SELECT'))
        await transaction.executeRaw(query('INSERT'))
      } catch (error) {
        await transaction.rollback()
        throw error
      }
      await transaction.commit()
    },
  }
  for (let from = 0; from < duration; from += 100) {
    happens[from]?.()
    const kind = kinds[(from / 100) % kinds.length] ?? 'read'
    const done = (code?: string): Done => ({ kind, from, until: clock.now() - start, code })
    all.push(
      work[kind]().then(
        () => done(),
        ({ code }) => done(code),
      ),
    )
    await clock.advance(100)
  }
  await clock.advance(10_000)
  return Promise.all(all)
}

/** What led to the old primary takes no writes from now on. */
function loseRole({ server }: Awaited<Made>): void {
  server.refusal = (connection, sql) => {
    if (connection.address !== OLD || sql !== 'INSERT') return undefined
    connection.isMoving = true
    return readOnly()
  }
}

const readOnly = () => new DriverAdapterError({ kind: 'mssql', code: 3906, message: 'The database is read-only.' })
const refusing = (number: number) => () => {
  throw new EntraError('DATABASE_UNAVAILABLE', 'It moves.', { number })
}

/** Since `at`, until a piece of work of each kind has succeeded, in ms. */
const wellAfter = (done: readonly Done[], at: number, kinds = MIX) =>
  Math.max(
    ...kinds.map((kind) => {
      const ends = done.filter((it) => it.kind === kind && it.code === undefined && it.until >= at)
      return Math.min(...ends.map(({ until }) => until)) - at
    }),
  )

describe('a role change: writes are refused, and later the name leads to the new primary', () => {
  const roleChange = async (it: Awaited<Made>, away: number, kinds = MIX) => {
    const loginsBefore = it.server.logins
    const becomesReadOnly = 2_000
    const back = becomesReadOnly + away
    const done = await load(
      it,
      back + 4_000,
      {
        [becomesReadOnly]: () => loseRole(it),
        [back]: () => {
          it.server.address = NEW
        },
      },
      kinds,
    )
    return { done, back, logins: it.server.logins - loginsBefore }
  }

  it.each([0, 0.99])('is over for all work within a second (random: %f)', async (random) => {
    for (const away of [1_000, 4_000, 25_000]) {
      const { done, back } = await roleChange(await client(random), away)
      expect(wellAfter(done, back), `away ${away}`).toBeLessThan(1_000)
      expect(Math.max(...done.filter(({ from }) => from < back).map(({ until }) => until)) - back).toBeLessThan(1_500)
    }
  })

  it('is over within a second even if the new primary refuses logins at first', async () => {
    const it = await client(0)
    const done = await load(it, 10_000, {
      2000: () => loseRole(it),
      4000: () => {
        it.server.address = NEW
        it.server.onLogin = refusing(40613)
      },
      7000: () => {
        it.server.onLogin = () => {}
      },
    })
    expect(wellAfter(done, 7_000)).toBeLessThan(1_000)
    expect(done.filter(({ code }) => code !== undefined).length).toBeLessThanOrEqual(1)
  })

  it('leaves no connection to the old primary', async () => {
    const it = await client()
    const busy = Array.from({ length: 5 }, () => it.adapter.queryRaw(query('after 100')))
    await it.clock.advance(300)
    await Promise.all(busy)
    loseRole(it)
    const read = it.adapter.queryRaw(query('after 2000'))
    const write = it.adapter.executeRaw(query('INSERT'))
    await it.clock.advance(200)
    it.server.address = NEW
    await it.clock.advance(800)
    await write
    expect([...it.server.open].map(({ address }) => address).sort()).toEqual([OLD, NEW])
    await it.clock.advance(2_000)
    await read
    expect([...it.server.open].map(({ address }) => address)).toEqual([NEW])
  })

  it('of more than poolTimeout costs the transactions that were under way, and no statement', async () => {
    const { done } = await roleChange(await client(), 35_000)
    const failed = done.filter(({ code }) => code !== undefined)
    expect(failed.length).toBeLessThanOrEqual(1)
    for (const { kind, from, code } of failed)
      expect([kind, code, from < 2_200]).toEqual(['transaction', 'P2034', true])
  })

  it('of more than poolTimeout leaves refused statements as long a wait for a connection as all others', async () => {
    const it = await client()
    loseRole(it)
    const writes = Array.from({ length: 20 }, () => it.adapter.executeRaw(query('INSERT')))
    await it.clock.advance(35_000)
    it.server.address = NEW
    await it.clock.advance(10_000)
    expect((await Promise.allSettled(writes)).map(({ status }) => status)).toEqual(writes.map(() => 'fulfilled'))
  })

  it('does not stop reads, and does not make each of them log in', async () => {
    const { done, logins } = await roleChange(await client(), 10_000)
    const slowest = Math.max(...done.filter(({ kind }) => kind === 'read').map(({ from, until }) => until - from))
    expect(slowest).toBeLessThan(250)
    expect(logins).toBeLessThan(30)
  })

  it('fails one transaction for each attempt if there is no other work to try', async () => {
    const { done, back } = await roleChange(await client(), 4_000, ['transaction'])
    expect(wellAfter(done, back, ['transaction'])).toBeLessThan(1_200)
    expect(done.filter(({ code }) => code !== undefined).length).toBeLessThanOrEqual(6)
  })

  it('to a server that has gone silent makes no more logins at once than a rotation does', async () => {
    const it = await client()
    loseRole(it)
    const writes = Array.from({ length: 10 }, () => it.adapter.executeRaw(query('INSERT')))
    const outcomes = Promise.allSettled(writes)
    await it.clock.advance(100)
    it.server.loginTime = 15_000
    it.server.onLogin = refusing(40613)
    let most = 0
    for (let second = 0; second < 50; second++) {
      await it.clock.advance(1_000)
      most = Math.max(most, it.pool.stats().connecting)
    }
    expect(most).toBe(3)
    // connectRetryTimeout, and a login that began just before.
    await it.clock.advance(25_000)
    expect((await outcomes).map(({ status }) => status)).toEqual(writes.map(() => 'rejected'))
  })

  it('is reported by connect.retry, once for each attempt', async () => {
    const it = await client()
    await roleChange(it, 3_000)
    const retries = it.events.flatMap((event) => (event.type === 'connect.retry' ? [event] : []))
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5])
    expect(retries[0]).toMatchObject({ error: { code: 'DATABASE_READ_ONLY' }, retryInMs: 450 })
  })
})

describe('work that waits for a new primary', () => {
  it('is counted as waiting, and says what it waits for', async () => {
    const it = await client()
    expect([it.pool.stats().waiting, it.pool.awaited]).toEqual([0, undefined])
    loseRole(it)
    const writes = Promise.allSettled([query('INSERT'), query('INSERT')].map((sql) => it.adapter.executeRaw(sql)))
    await it.clock.advance(200)
    expect(it.pool.stats().waiting).toBe(2)
    expect(it.pool.awaited).toMatch(
      /^the database to take writes again, for up to 60 s: The server refused a statement: /,
    )
    await it.clock.advance(60_000)
    await writes
    expect([it.pool.stats().waiting, it.pool.awaited]).toEqual([0, undefined])
  })

  it('leaves the request for the next token under way between two attempts', async () => {
    const it = await client()
    // Due for a refresh, and still good enough for a login.
    await it.clock.advance(52 * MINUTE)
    it.credential.answer(...Array.from({ length: 100 }, () => 'hang' as const))
    loseRole(it)
    const failed = it.adapter.executeRaw(query('INSERT')).catch(({ cause }) => cause.code)
    await it.clock.advance(500)
    it.server.onLogin = refusing(40613)
    for (const connection of it.server.open) connection.drop()
    await it.clock.advance(25_000)
    expect(it.server.logins).toBeGreaterThan(20)
    expect(it.credential.requests).toBe(2)
    await it.clock.advance(60_000)
    expect(await failed).toBe('DATABASE_UNAVAILABLE')
    expect(it.clock.timers).toBe(0)
  })
})

describe('a database that stays read-only', () => {
  it('fails work that waited for connectRetryTimeout, and from then on only writes, at once', async () => {
    const it = await client()
    loseRole(it)
    const write = () => it.adapter.executeRaw(query('INSERT')).catch(({ cause }) => cause.code)
    const first = write()
    await it.clock.advance(1_000)
    const later = write()
    await it.clock.advance(60_000)
    expect(await Promise.all([first, later])).toEqual(['DATABASE_READ_ONLY', 'DATABASE_READ_ONLY'])
    const transaction = it.adapter.startTransaction()
    const last = write()
    await it.clock.advance(1_000)
    const ended = (await transaction).commit()
    await it.clock.advance(100)
    await ended
    expect(await last).toBe('DATABASE_READ_ONLY')
  })

  it('still tries what came just before connectRetryTimeout had passed', async () => {
    const it = await client()
    loseRole(it)
    const first = it.adapter.executeRaw(query('INSERT')).catch(({ cause }) => cause.code)
    await it.clock.advance(59_990)
    const late = it.adapter.executeRaw(query('INSERT'))
    it.server.refusal = () => undefined
    await it.clock.advance(1_000)
    expect(await late).toBeGreaterThan(0)
    await first
  })

  it('does not keep work waiting after $disconnect', async () => {
    const it = await client()
    loseRole(it)
    const writes = [query('INSERT'), query('INSERT')].map((sql) => it.adapter.executeRaw(sql))
    const failed = Promise.allSettled(writes)
    await it.clock.advance(200)
    const closed = it.adapter.dispose()
    await it.clock.advance(100)
    await closed
    expect(await failed).toMatchObject([{ reason: { code: 'CLOSED' } }, { reason: { code: 'CLOSED' } }])
    expect(it.clock.timers).toBe(0)
  })
})

describe('a write that is refused during $disconnect', () => {
  it('fails at once, and leaves no timer', async () => {
    const it = await client()
    loseRole(it)
    const failed = it.adapter.executeRaw(query('INSERT')).catch(({ code }) => code)
    // The connection is validated, and then the write is sent.
    await it.clock.advance(15)
    const closed = it.adapter.dispose()
    await it.clock.advance(10)
    await closed
    expect([await failed, it.clock.timers]).toEqual(['CLOSED', 0])
  })
})

describe('a write that succeeds', () => {
  it('says nothing about the database if it was sent before another one was refused', async () => {
    const it = await client()
    const sent = it.adapter.executeRaw(query('after 300 INSERT'))
    await it.clock.advance(0)
    loseRole(it)
    const refused = it.adapter.executeRaw(query('INSERT'))
    await it.clock.advance(400)
    await sent
    expect(it.pool.writes.isShut).toBe(true)
    it.server.address = NEW
    await it.clock.advance(1_000)
    await refused
    expect(it.pool.writes.isShut).toBe(false)
  })
})

describe('a move: sessions are cut, and logins refused', () => {
  const move = async (away: number, number: number, random: number) => {
    const it = await client(random)
    const done = await load(it, away + 10_000, {
      2000: () => {
        it.server.onLogin = refusing(number)
        for (const connection of it.server.open) connection.drop()
      },
      [2_000 + away]: () => {
        it.server.onLogin = () => {}
      },
    })
    return wellAfter(done, 2_000 + away)
  }

  it.each([0, 0.99])('is over within a second of its end (random: %f)', async (random) => {
    for (let away = 1_000; away <= 25_000; away += 3_900) {
      expect(await move(away, 40613, random), `away ${away}`).toBeLessThan(1_000)
    }
  })

  it('of more than poolTimeout leaves work that waited as long a wait for a busy connection as any other', async () => {
    const it = await client()
    it.server.onLogin = refusing(40613)
    for (const connection of it.server.open) connection.drop()
    const work = Array.from({ length: 40 }, () => it.adapter.queryRaw(query('after 4000')))
    await it.clock.advance(45_000)
    it.server.onLogin = () => {}
    await it.clock.advance(40_000)
    expect((await Promise.allSettled(work)).map(({ status }) => status)).toEqual(work.map(() => 'fulfilled'))
  })

  it('of a server that is busy gets fewer logins, as its throttling needs', async () => {
    expect(await move(5_000, 40501, 0)).toBeGreaterThan(2_000)
  })
})
