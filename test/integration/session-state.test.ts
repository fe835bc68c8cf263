import { describe, expect, it } from 'vitest'
import { PacketType } from '../../src/tds/packet.ts'
import { useDatabase } from './database.ts'
import { until } from './faults/time.ts'

const db = useDatabase()

/** One connection serves all queries in sequence. */
const ONE = { pool: { max: 1 } }

type Queries = Pick<typeof db.prisma, '$queryRaw'>

/** The isolation level of a statement's session, as the server reports it. */
async function levelOf(client: Queries): Promise<string | undefined> {
  const rows = await client.$queryRaw<{ 'Set Option': string; Value: string }[]>`DBCC USEROPTIONS`
  return rows.find((row) => row['Set Option'] === 'isolation level')?.Value
}

async function sessionOf(client: Queries): Promise<number | undefined> {
  const [row] = await client.$queryRaw<{ id: number }[]>`SELECT @@SPID AS id`
  return row?.id
}

/** The tags as others see them, read without the gateway. */
const committed = async () => (await db.sql('SELECT [name] FROM [dbo].[Tag] ORDER BY [name]')).map(({ name }) => name)

const serializable = () =>
  db.connect({}, db.azure.connectionString({ isolationLevel: 'SERIALIZABLE', trustServerCertificate: 'true' }))

describe('isolationLevel of the connection string', () => {
  it('applies to queries outside transactions', async () => {
    const { prisma } = serializable()
    expect(await levelOf(prisma)).toBe('serializable')
  })

  it('applies to transactions that set no level', async () => {
    const { prisma } = serializable()
    expect(await prisma.$transaction((tx) => levelOf(tx))).toBe('serializable')
    expect(await levelOf(prisma)).toBe('serializable')
  })

  it('defaults to READ COMMITTED', async () => {
    const { prisma } = db.connect()
    expect(await levelOf(prisma)).toMatch(/^read committed/)
  })
})

describe('the isolation level of a transaction', () => {
  it.each([
    ['Serializable', 'serializable'],
    ['RepeatableRead', 'repeatable read'],
    ['ReadUncommitted', 'read uncommitted'],
  ] as const)(
    'ends with the transaction: later work has the session’s own level (%s)',
    async (isolationLevel, level) => {
      const { prisma } = db.connect({}, ONE)
      const before = await sessionOf(prisma)
      expect(await prisma.$transaction((tx) => levelOf(tx), { isolationLevel })).toBe(level)
      expect(await levelOf(prisma)).toMatch(/^read committed/)
      expect(await sessionOf(prisma)).toBe(before)
    },
  )

  it('also ends when the transaction is rolled back', async () => {
    const { prisma } = db.connect({}, ONE)
    const failing = prisma.$transaction(
      async () => {
        throw new Error('never mind')
      },
      { isolationLevel: 'Serializable' },
    )
    await expect(failing).rejects.toThrow('never mind')
    expect(await levelOf(prisma)).toMatch(/^read committed/)
  })

  it('resets to SERIALIZABLE if the connection string says so', async () => {
    const { prisma } = serializable()
    expect(await prisma.$transaction((tx) => levelOf(tx), { isolationLevel: 'ReadCommitted' })).toMatch(
      /^read committed/,
    )
    expect(await levelOf(prisma)).toBe('serializable')
  })
})

describe('a COMMIT that the server answers with an error', () => {
  it('leaves no transaction open for later work', async () => {
    const { prisma, adapter } = db.connect({}, ONE)
    const failing = prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'of the transaction' } })
      db.azure.gateway.inject({ at: 'request', action: { refuse: { number: 50_000, message: 'Not now.' } }, times: 1 })
    })
    await expect(failing).rejects.toThrow('Not now.')
    await prisma.tag.create({ data: { name: 'of the work that comes next' } })
    expect(await committed()).toEqual(['of the work that comes next'])
    expect(adapter.stats()).toMatchObject({ connectionsOpen: 1, inFlight: 0 })
  })
})

describe('a transaction that the server has ended (XACT_ABORT)', () => {
  it('fails at its next statement with P2028 and the reason', async () => {
    const { prisma } = db.connect({}, ONE)
    const ended = prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'rolled back' } })
      await tx.$executeRaw`SET XACT_ABORT ON; SELECT 1 / 0 AS x`.catch(() => {})
      await tx.tag.count()
    })
    await expect(ended).rejects.toMatchObject({
      code: 'P2028',
      message: expect.stringContaining('rolled the transaction back'),
    })
    expect(await committed()).toEqual([])
  })

  it('leaves a connection on which later work is committed', async () => {
    const { prisma } = db.connect({}, ONE)
    const ended = prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET XACT_ABORT ON; SELECT 1 / 0 AS x`
    })
    await expect(ended).rejects.toThrow()
    await prisma.tag.create({ data: { name: 'next' } })
    expect(await committed()).toEqual(['next'])
  })
})

describe('a session killed during its COMMIT', () => {
  it('fails the transaction and does not crash the process', async () => {
    const { prisma, adapter } = db.connect({}, ONE)
    let hanging: { hits: number } | undefined
    const ended = prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'x' } })
      hanging = db.azure.gateway.inject({ at: 'request', action: { hang: true }, times: 1 })
    })
    const failure = ended.catch((error: unknown) => error)
    await until(() => expect(hanging?.hits).toBe(1))
    db.azure.gateway.dropSessions({ how: 'reset' })
    expect(await failure).toMatchObject({ meta: { code: 'CONNECTION_LOST' } })
    await until(async () => expect(await committed()).toEqual([]))
    await prisma.tag.create({ data: { name: 'next' } })
    expect(adapter.stats().connectionsOpen).toBe(1)
  })
})

/** A request as the driver sends it: for `sp_executesql` the second parameter declares the others. */
interface SentRequest {
  parameters?: { value: unknown }[]
}

/** Records the declarations of each `sp_executesql` on a connection. */
function noting(declarations: Set<unknown>) {
  return (connection: object) => {
    const driver = connection as { makeRequest(request: unknown, type: number, payload: SentRequest): void }
    const { makeRequest } = driver
    driver.makeRequest = (request, type, payload) => {
      if (type === PacketType.RPC && payload.parameters !== undefined) declarations.add(payload.parameters[1]?.value)
      makeRequest.call(driver, request, type, payload)
    }
  }
}

describe('hundreds of different e-mail addresses', () => {
  it('reach the server as one statement with one declaration', async () => {
    const declarations = new Set<unknown>()
    const { prisma } = db.connect({}, { ...ONE, beforeConnect: noting(declarations) })
    for (let n = 0; n < 200; n++) {
      await prisma.user.findUnique({ where: { email: `${'a'.repeat(1 + (n % 40))}${n}@example.test` } })
    }
    expect([...declarations]).toEqual([expect.stringMatching(/^@P1 nvarchar\(4000\)/i)])
  })
})
