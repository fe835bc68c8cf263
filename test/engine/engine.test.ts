import { once } from 'node:events'
import { connect } from 'node:net'
import mssql from 'mssql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uint16, uint32 } from '../../src/tds/bytes.ts'
import { readMessage, writeMessage } from '../../src/tds/messages.ts'
import { encodeMessage, PacketType } from '../../src/tds/packet.ts'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { TdsClient } from '../proxy/support.ts'
import { ordinaryLogin } from '../support/login7.ts'
import { type Engine, startEngine } from './engine.ts'

let engine: Engine
let pool: mssql.ConnectionPool

const poolOn = (overrides: Partial<mssql.config> = {}) =>
  new mssql.ConnectionPool({
    server: engine.host,
    port: engine.port,
    user: engine.user,
    password: engine.password,
    database: engine.database,
    ...overrides,
    options: { encrypt: false, useUTC: true, ...overrides.options },
  })

beforeAll(async () => {
  engine = await startEngine()
  pool = await poolOn().connect()
})
afterAll(async () => {
  await pool.close()
  await engine.close()
})

const rows = async (sql: string) => (await pool.request().batch(sql)).recordset
const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: mssql.RequestError) => thrown,
  )
  return { number: error?.number, message: error?.message }
}

describe('DBCC USEROPTIONS', () => {
  it("shows the session's isolation level, and by default read committed snapshot", async () => {
    const level = async (sql: string) =>
      (await rows(`${sql} DBCC USEROPTIONS`)).find((row) => row['Set Option'] === 'isolation level')?.Value
    expect(await level('')).toBe('read committed snapshot')
    expect(await level('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE')).toBe('serializable')
    await expect(rows('DBCC CHECKDB')).rejects.toThrow('DBCC')
  })
})

describe('SET', () => {
  it('holds for the session in a batch, and only for its statement in sp_executesql', async () => {
    const one = await poolOn({ pool: { max: 1 } }).connect()
    const options = async () => {
      const { recordset } = await one.request().batch('DBCC USEROPTIONS')
      return Object.fromEntries(recordset.map((row) => [row['Set Option'], row.Value]))
    }
    const all = 'SET XACT_ABORT ON; SET LOCK_TIMEOUT 100; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'
    const before = await options()
    const set = { lock_timeout: '100', xact_abort: 'SET', 'isolation level': 'serializable' }
    const { recordset } = await one.request().query(`${all}; DBCC USEROPTIONS`)
    expect(Object.fromEntries(recordset.map((row) => [row['Set Option'], row.Value]))).toMatchObject(set)
    expect(await options()).toEqual(before)
    await one.request().batch(all)
    expect(await options()).toMatchObject(set)
    await one.close()
  })
})

describe('a login', () => {
  it.each([
    ['a wrong password', { password: 'wrong' }, /Login failed for user 'sa'/],
    ['an unknown user', { user: 'nobody' }, /Login failed for user 'nobody'/],
    ['an unknown database', { database: 'nothing' }, /Login failed/],
  ])('with %s is rejected', async (_, overrides, message) => {
    await expect(poolOn(overrides).connect()).rejects.toThrow(message)
  })

  it('leaves no session behind', async () => {
    const before = engine.sessions
    const other = await poolOn().connect()
    await other.request().query('SELECT 1')
    expect(engine.sessions).toBe(before + 1)
    await other.close()
    await expect.poll(() => engine.sessions).toBe(before)
  })
})

describe('parameters and columns', () => {
  const far = new Date('9999-12-31T23:59:59.999Z')
  it.each<[string, mssql.ISqlType | (() => mssql.ISqlType), unknown, unknown?]>([
    ['bit', mssql.Bit, true],
    ['tinyint', mssql.TinyInt, 255],
    ['smallint', mssql.SmallInt, -32_768],
    ['int', mssql.Int, -2_147_483_648],
    ['bigint', mssql.BigInt, '9223372036854775807'],
    ['real', mssql.Real, 1.5],
    ['float', mssql.Float, Number.MAX_VALUE],
    ['decimal', mssql.Decimal(38, 10), 12_345.678_9],
    ['money', mssql.Money, -922_337.5807],
    ['nvarchar', mssql.NVarChar(100), 'Zoë 😀'],
    ['nvarchar(max)', mssql.NVarChar(mssql.MAX), 'ß'.repeat(70_000)],
    ['varchar', mssql.VarChar(100), 'Crème: 5 €'],
    ['uniqueidentifier', mssql.UniqueIdentifier, '6F9619FF-8B86-D011-B42D-00C04FC964FF'],
    ['varbinary', mssql.VarBinary(100), Buffer.from([0, 1, 254, 255])],
    ['varbinary(max)', mssql.VarBinary(mssql.MAX), Buffer.alloc(100_000, 7)],
    ['datetime2', mssql.DateTime2(7), far],
    ['datetime', mssql.DateTime, new Date('1999-12-31T23:59:59.997Z')],
    ['smalldatetime', mssql.SmallDateTime, new Date('2000-02-29T12:34:00Z')],
    ['date', mssql.Date, new Date('0001-01-01T00:00:00Z')],
    ['datetimeoffset', mssql.DateTimeOffset(7), far],
  ])('%s comes back as sent, and so does NULL', async (_, type, value) => {
    const send = (it: unknown) => pool.request().input('p', type as () => mssql.ISqlType, it)
    const { recordset } = await send(value).query('DECLARE @x INT = 1; SELECT @p AS p WHERE @x = 1')
    expect(recordset[0]?.p).toEqual(value)
    expect((await send(null).query('SELECT @p AS p')).recordset[0]?.p).toBeNull()
  })

  it('may be large even in the smallest packets', async () => {
    const small = await poolOn({ options: { packetSize: 512 } }).connect()
    const text = 'x'.repeat(200_000)
    const { recordset } = await small.request().input('p', mssql.NVarChar(mssql.MAX), text).query('SELECT @p AS p')
    await small.close()
    expect(recordset[0]?.p === text).toBe(true)
  })
})

describe('statements', () => {
  it('return several results, counts and messages', async () => {
    const messages: string[] = []
    const request = pool.request()
    request.on('info', ({ message }) => messages.push(message))
    const result = await request.batch(`
      CREATE TABLE t (id INT IDENTITY(10,5) PRIMARY KEY, name NVARCHAR(10) NOT NULL DEFAULT 'none');
      INSERT INTO t (name) VALUES ('a'), ('b');
      INSERT INTO t DEFAULT VALUES;
      PRINT 'half way';
      SELECT * FROM t ORDER BY id DESC;
      SELECT COUNT(*) AS n, AVG(id) AS mean FROM t`)
    expect(result.recordsets).toEqual([
      [
        { id: 20, name: 'none' },
        { id: 15, name: 'b' },
        { id: 10, name: 'a' },
      ],
      [{ n: 3, mean: 15 }],
    ])
    expect(result.rowsAffected).toEqual([2, 1, 3, 1])
    expect(messages).toEqual(['half way'])
    await rows('DROP TABLE t')
  })

  it('support variables, conditions, loops and table variables', async () => {
    const sql = `
      DECLARE @i INT = 0, @sum INT = 0
      DECLARE @t TABLE (n INT)
      WHILE @i < 5
      BEGIN
        SET @i = @i + 1
        IF @i = 4 CONTINUE
        SELECT @sum = @sum + @i
      END
      SELECT @i AS i, @sum AS sum, (SELECT COUNT(*) FROM @t) AS none`
    expect(await rows(sql)).toEqual([{ i: 5, sum: 11, none: 0 }])
  })

  it('compare text case-insensitively and sort NULL first', async () => {
    await rows("CREATE TABLE t (name NVARCHAR(10) NULL); INSERT INTO t VALUES ('b'), (NULL), ('A')")
    expect(await rows("SELECT name FROM t WHERE name = 'a' OR name LIKE 'B%' ORDER BY name")).toEqual([
      { name: 'A' },
      { name: 'b' },
    ])
    expect(await rows('SELECT TOP 1 name FROM t ORDER BY name')).toEqual([{ name: null }])
    await rows('DROP TABLE t')
  })

  it.each([
    ['SELECT 1 +', 102, 'Incorrect syntax near'],
    ['SELECT * FROM [nothing]', 208, "Invalid object name 'nothing'."],
    ["SELECT CAST('x' AS INT)", 245, 'Conversion failed'],
    ['SELECT CAST(2147483648 AS INT)', 8115, 'Arithmetic overflow error'],
    ['COMMIT', 3902, 'The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.'],
    ['ROLLBACK', 3903, 'The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.'],
    ["SELECT SOUNDEX('x')", 50_001, 'The local engine does not support the function SOUNDEX.'],
    ['SELECT 1 FOR JSON PATH', 50_001, 'The local engine does not support FOR XML and FOR JSON.'],
    ['DROP TABLE [nothing]', 208, 'nothing'],
    ['USE [nothing]', 911, "Database 'nothing' does not exist."],
  ])('%s fails with %i', async (sql, number, message) => {
    expect(await failure(pool.request().batch(sql))).toEqual({ number, message: expect.stringContaining(message) })
  })

  it('are stopped by an attention signal, and the session continues', async () => {
    const single = await poolOn({ pool: { max: 1, min: 1 } }).connect()
    const request = single.request()
    const running = failure(request.batch("WAITFOR DELAY '00:05:00'; SELECT 1 AS late"))
    setTimeout(() => request.cancel(), 100)
    expect(await running).toMatchObject({ message: expect.stringMatching(/cancel/i) })
    expect((await single.request().query('SELECT 1 AS n')).recordset).toEqual([{ n: 1 }])
    await single.close()
  })
})

describe('a transaction', () => {
  it('continues after a failed statement and supports savepoints', async () => {
    await rows('CREATE TABLE t (id INT PRIMARY KEY)')
    const transaction = pool.transaction()
    await transaction.begin()
    const run = (sql: string) => transaction.request().query(sql)
    await run('INSERT INTO t VALUES (1)')
    expect(await failure(run('INSERT INTO t VALUES (1)'))).toMatchObject({ number: 2627 })
    await run('SAVE TRANSACTION here')
    await run('INSERT INTO t VALUES (2)')
    await run('ROLLBACK TRANSACTION here')
    expect((await run('SELECT @@TRANCOUNT AS depth')).recordset).toEqual([{ depth: 1 }])
    await transaction.commit()
    expect(await rows('SELECT id FROM t')).toEqual([{ id: 1 }])
    await rows('DROP TABLE t')
  })

  it('removes the tables it created when it is rolled back', async () => {
    await rows('BEGIN TRAN; CREATE TABLE gone (id INT); ROLLBACK')
    expect(await failure(pool.request().batch('SELECT * FROM gone'))).toMatchObject({ number: 208 })
  })
})

describe('a client that disconnects during a statement', () => {
  it('ends its session and releases its locks', async () => {
    await rows('CREATE TABLE held (id INT PRIMARY KEY, n INT); INSERT INTO held VALUES (1, 0)')
    const before = engine.sessions
    let cut = () => {}
    const beforeConnect = (connection: { close(): void }) => {
      cut = () => connection.close()
    }
    const other = await poolOn({ beforeConnect }).connect()
    const transaction = other.transaction()
    await transaction.begin()
    await transaction.request().query('UPDATE held SET n = 1')
    const running = failure(transaction.request().batch("WAITFOR DELAY '00:05:00'; SELECT 2 AS late"))
    setTimeout(() => cut(), 200)
    await running
    await transaction.rollback().catch(() => {})
    await other.close()
    await expect.poll(() => engine.sessions, { timeout: 60_000 }).toBe(before)
    await rows('DROP TABLE held')
  })
})

describe('databases', () => {
  it('can be created, used and dropped', async () => {
    await rows('CREATE DATABASE [Shadow]')
    expect(await failure(pool.request().batch('CREATE DATABASE [shadow]'))).toMatchObject({ number: 1801 })
    const other = await poolOn({ database: 'SHADOW' }).connect()
    expect((await other.request().query('SELECT DB_NAME() AS name')).recordset).toEqual([{ name: 'Shadow' }])
    await other.close()
    const listed = "SELECT name FROM sys.databases WHERE name IN ('shadow', 'master') ORDER BY name"
    expect(await rows(listed)).toEqual([{ name: 'master' }, { name: 'Shadow' }])
    await rows('DROP DATABASE [Shadow]')
    expect(await rows(listed)).toEqual([{ name: 'master' }])
    expect(await failure(pool.request().batch('DROP DATABASE [Shadow]'))).toMatchObject({ number: 3701 })
  })
})

describe('INFORMATION_SCHEMA', () => {
  it('lists tables, columns, keys and constraints', async () => {
    await rows(`
      CREATE TABLE [Parent] ([a] INT NOT NULL, [b] VARCHAR(20) NOT NULL, CONSTRAINT [Parent_pkey] PRIMARY KEY ([b], [a]));
      CREATE TABLE [Child] (
        [id] BIGINT IDENTITY(1,1) PRIMARY KEY, [a] INT, [b] VARCHAR(20), [text] NVARCHAR(MAX), [price] DECIMAL(10,2),
        [at] DATETIME2, [bytes] VARBINARY(16), CONSTRAINT [Child_parent] FOREIGN KEY ([b], [a]) REFERENCES [Parent]([b], [a])
      )`)
    const columns = await rows(`
      SELECT it.COLUMN_NAME, it.DATA_TYPE, it.IS_NULLABLE, it.CHARACTER_MAXIMUM_LENGTH, it.NUMERIC_PRECISION, it.NUMERIC_SCALE,
        it.DATETIME_PRECISION, COLUMNPROPERTY(OBJECT_ID(QUOTENAME(it.TABLE_SCHEMA) + '.' + QUOTENAME(it.TABLE_NAME)), it.COLUMN_NAME, 'IsIdentity') AS [identity]
      FROM INFORMATION_SCHEMA.COLUMNS it WHERE it.TABLE_SCHEMA = 'dbo' AND it.TABLE_NAME = 'child' ORDER BY it.ORDINAL_POSITION`)
    expect(columns.map((column) => Object.values(column))).toEqual([
      ['id', 'bigint', 'NO', null, 19, 0, null, 1],
      ['a', 'int', 'YES', null, 10, 0, null, 0],
      ['b', 'varchar', 'YES', 20, null, null, null, 0],
      ['text', 'nvarchar', 'YES', -1, null, null, null, 0],
      ['price', 'decimal', 'YES', null, 10, 2, null, 0],
      ['at', 'datetime2', 'YES', null, null, null, 7, 0],
      ['bytes', 'varbinary', 'YES', 16, null, null, null, 0],
    ])
    const constraints = await rows(`
      SELECT its.TABLE_NAME AS [table], its.CONSTRAINT_TYPE AS [type], used.COLUMN_NAME AS [column]
      FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS its
      JOIN INFORMATION_SCHEMA.KEY_COLUMN_USAGE used ON used.CONSTRAINT_NAME = its.CONSTRAINT_NAME
      WHERE its.TABLE_SCHEMA = 'dbo' ORDER BY its.CONSTRAINT_TYPE, its.TABLE_NAME DESC, used.ORDINAL_POSITION`)
    expect(constraints.map((row) => Object.values(row).join(' '))).toEqual([
      'Child FOREIGN KEY b',
      'Child FOREIGN KEY a',
      'Parent PRIMARY KEY b',
      'Parent PRIMARY KEY a',
      'Child PRIMARY KEY id',
    ])
    await rows('DROP TABLE [Child], [Parent]')
    expect(await rows("SELECT * FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'Parent'")).toEqual([])
  })
})

describe('HAS_PERMS_BY_NAME', () => {
  it('reports every permission for the owner of the database', async () => {
    const right = (securable: string, kind: string, permission: string) =>
      `HAS_PERMS_BY_NAME(QUOTENAME(${securable}), '${kind}', '${permission}')`
    expect(
      await rows(`SELECT SCHEMA_NAME() AS [schema], IS_ROLEMEMBER('DB_OWNER') AS owner, IS_ROLEMEMBER('db_ddladmin') AS ddl,
        IS_ROLEMEMBER('no_such_role') AS role, ${right('DB_NAME()', 'DATABASE', 'CREATE TABLE')} AS [create],
        ${right("N'dbo'", 'SCHEMA', 'select')} AS [select], ${right("N'nowhere'", 'SCHEMA', 'SELECT')} AS nowhere,
        ${right("N'dbo'", 'SCHEMA', 'CREATE TABLE')} AS wrong`),
    ).toEqual([{ schema: 'dbo', owner: 1, ddl: 0, role: null, create: 1, select: 1, nowhere: 0, wrong: null }])
  })

  it('rejects a class of securable that it does not know', async () => {
    expect(await failure(rows(`SELECT HAS_PERMS_BY_NAME('t', 'OBJECT', 'SELECT')`))).toMatchObject({ number: 50001 })
    expect(await failure(rows(`SELECT SERVERPROPERTY('IsClustered')`))).toMatchObject({ number: 50001 })
    expect(await rows(`SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)) AS v`)).toEqual([
      { v: '16.0.1000.0' },
    ])
  })
})

describe('malformed bytes', () => {
  it('close their own connection and no other', async () => {
    for (const bytes of [
      'nonsense',
      '\u0012\u0001\u0000\u0004',
      '\u0010\u0001\u0000\u0009\u0000\u0000\u0000\u0000\u0000',
    ]) {
      const socket = connect(engine.port, engine.host)
      socket.on('error', () => {})
      socket.resume()
      socket.end(Buffer.from(bytes, 'latin1'))
      await once(socket, 'close')
    }
    expect(await rows('SELECT 1 AS n')).toEqual([{ n: 1 }])
  })
})

describe('a bulk load', () => {
  it('inserts and counts rows with nulls and values of any length, more than fit into one statement', async () => {
    await rows(
      'CREATE TABLE [loaded] ([id] INT NOT NULL, [text] NVARCHAR(MAX), [bytes] VARBINARY(MAX), [at] DATETIME2)',
    )
    const table = new mssql.Table('loaded')
    table.columns.add('id', mssql.Int, { nullable: false })
    table.columns.add('text', mssql.NVarChar(mssql.MAX), { nullable: true })
    table.columns.add('bytes', mssql.VarBinary(mssql.MAX), { nullable: true })
    table.columns.add('at', mssql.DateTime2(3), { nullable: true })
    const at = new Date('2026-11-28T12:34:56.789Z')
    table.rows.add(0, null, null, null)
    for (let id = 1; id < 700; id++) table.rows.add(id, 'ß'.repeat(id * 20), Buffer.alloc(id, id), at)
    expect((await pool.request().bulk(table)).rowsAffected).toBe(700)

    const [first] = await rows('SELECT * FROM [loaded] WHERE [id] = 0')
    expect(first).toEqual({ id: 0, text: null, bytes: null, at: null })
    const [last] = await rows('SELECT * FROM [loaded] WHERE [id] = 699')
    expect(last).toEqual({ id: 699, text: 'ß'.repeat(13_980), bytes: Buffer.alloc(699, 699), at })
    expect(await rows('SELECT COUNT(*) AS [rows] FROM [loaded]')).toEqual([{ rows: 700 }])
  })

  it('into a missing table is rejected, and the session continues', async () => {
    const table = new mssql.Table('nowhere')
    table.columns.add('id', mssql.Int, { nullable: false })
    table.rows.add(1)
    expect(await failure(pool.request().bulk(table))).toMatchObject({ number: 208 })
    expect(await rows('SELECT 1 AS [one]')).toEqual([{ one: 1 }])
  })
})

describe('a prepared statement', () => {
  it('runs with the values of each execution', async () => {
    const statement = new mssql.PreparedStatement(pool)
    statement.input('a', mssql.Int).input('b', mssql.NVarChar(10))
    await statement.prepare('SELECT @a + 1 AS a, @b AS b')
    try {
      expect((await statement.execute({ a: 1, b: 'one' })).recordset).toEqual([{ a: 2, b: 'one' }])
      expect((await statement.execute({ a: 2, b: null })).recordset).toEqual([{ a: 3, b: null }])
    } finally {
      await statement.unprepare()
    }
  })

  it('gives its handle when it runs at once, which then runs it again, and is gone when unprepared', async () => {
    const client = await rawClient()
    const sql = text('SELECT @P1 AS a')
    const prepared = await client.ask(PacketType.RPC, rpc(13, int(undefined), text('@P1 int'), sql, int(41)))
    expect(prepared.includes(Buffer.from([0xd1, 4, 41, 0, 0, 0]))).toBe(true)
    // RETURNVALUE: ordinal, no name, output, user type and flags, INTN of 4 bytes, the handle.
    expect(prepared.includes(Buffer.from([0xac, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x26, 4, 4, 1, 0, 0, 0]))).toBe(true)
    const again = await client.ask(PacketType.RPC, rpc(12, int(1), int(42)))
    expect(again.includes(Buffer.from([0xd1, 4, 42, 0, 0, 0]))).toBe(true)
    await client.ask(PacketType.RPC, rpc(15, int(1)))
    const gone = await client.ask(PacketType.RPC, rpc(12, int(1), int(43)))
    expect(gone.toString('utf16le', 11)).toContain('Could not find prepared statement with handle 1.')
    client.close()
  })
})

it('SET FMTONLY ON answers with columns alone, and changes nothing', async () => {
  const one = await poolOn({ pool: { max: 1 } }).connect()
  const run = (sql: string) => one.request().batch(sql)
  await run('CREATE TABLE FormatOnly (id INT)')
  const { recordsets } = await run(
    'SET FMTONLY ON; INSERT INTO FormatOnly VALUES (1); SELECT 1 AS a; SET FMTONLY OFF; SELECT id FROM FormatOnly',
  )
  expect(recordsets).toEqual([[], []])
  await run('DROP TABLE FormatOnly')
  await one.close()
})

it('a transaction that ends may begin the next one', async () => {
  const client = await rawClient()
  const begin = Buffer.from([4, 0, 0, 0, 5, 0, 0, 0])
  const rollbackAndBegin = Buffer.from([4, 0, 0, 0, 8, 0, 0, 1, 0, 0])
  const changes = (answer: Buffer) => [8, 10].filter((type) => answer.includes(Buffer.from([0xe3, 11, 0, type])))
  expect(changes(await client.ask(PacketType.TRANSACTION_MANAGER, begin))).toEqual([8])
  expect(changes(await client.ask(PacketType.TRANSACTION_MANAGER, rollbackAndBegin))).toEqual([8, 10])
  expect(changes(await client.ask(PacketType.TRANSACTION_MANAGER, rollbackAndBegin))).toEqual([8, 10])
  client.close()
})

it('an attention ends a long answer early', async () => {
  const client = await rawClient()
  const ten = '(SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5)'
  const sql = `SELECT REPLICATE('x', 8000) FROM ${[...'abcdef'].map((name) => `${ten} ${name}`).join(' CROSS JOIN ')}`
  const rows = 5 ** 6
  client.stream.write(encodeMessage(PacketType.SQL_BATCH, Buffer.concat([HEADERS, Buffer.from(sql, 'utf16le')])))
  const answer = readMessage(client.stream, 2 ** 28)
  await once(client.stream, 'readable')
  writeMessage(client.stream, PacketType.ATTENTION, Buffer.alloc(0))
  const { payload } = await answer
  expect(payload.length).toBeLessThan((rows * 8000) / 2)
  expect((await readMessage(client.stream, 100)).payload).toEqual(encodeDone(DoneStatus.ATTENTION))
  client.close()
})

const HEADERS = Buffer.from([4, 0, 0, 0])

/** A call by the procedure's number (MS-TDS 2.2.6.6). */
function rpc(procedure: number, ...parameters: Buffer[]): Buffer {
  return Buffer.concat([HEADERS, uint16(0xffff), uint16(procedure), uint16(0), ...parameters])
}

/** Parameters without names. */
function int(value: number | undefined): Buffer {
  const type = Buffer.from([0, 0, 0x26, 4])
  if (value === undefined) return Buffer.concat([type, Buffer.from([0])])
  return Buffer.concat([type, Buffer.from([4]), uint32(value)])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf16le')
  return Buffer.concat([Buffer.from([0, 0, 0xe7]), uint16(8000), Buffer.alloc(5), uint16(bytes.length), bytes])
}

async function rawClient(): Promise<TdsClient> {
  const client = await TdsClient.connect(engine)
  const { user: userName, password, database } = engine
  expect(await client.logIn(ordinaryLogin({ userName, password, database }))).toMatchObject({ kind: 'accepted' })
  return client
}
