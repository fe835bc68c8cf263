import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../support/property-runs.ts'
import { readBatch } from './batch.ts'
import { Catalogue } from './catalogue.ts'
import { SqlError } from './sql-error.ts'
import { tokenize } from './tokens.ts'

const empty = await Catalogue.load({ query: async () => ({ rows: [] }) } as never, 'app')
const read = (sql: string) => readBatch(sql, new Map([['@p1', { name: 'int' }]]), empty.opened())
const kinds = (sql: string) => read(sql).statements.map(({ kind }) => kind)

describe('tokens', () => {
  it('are read from strings, brackets and nested comments', () => {
    const tokens = tokenize("SELECT [a]]b], N'it''s' /* x /* y */ z */ -- end\n, 0xAF, @P1 != 1.5e3")
    expect(tokens.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'word SELECT',
      'name a]b',
      'symbol ,',
      "string it's",
      'symbol ,',
      'binary AF',
      'symbol ,',
      'variable @p1',
      'symbol <>',
      'number 1.5e3',
      'end ',
    ])
  })

  it.each([
    ["SELECT 'x", 105],
    ['SELECT [x', 105],
    ['/* x', 113],
    ['SELECT ?', 102],
  ])('%s is refused with %i', (sql, number) => {
    expect(() => tokenize(sql)).toThrow(expect.objectContaining({ number }))
  })
})

describe('a batch', () => {
  it('is split into statements without semicolons', () => {
    expect(
      kinds('DECLARE @t table([id] BIGINT) INSERT INTO x (a) OUTPUT Inserted.a INTO @t VALUES (@P1) SELECT * FROM @t'),
    ).toEqual(['block', 'change', 'query'])
    expect(kinds('IF 1 = 1 SELECT 1 ELSE SELECT 2; BEGIN TRAN; COMMIT')).toEqual(['if', 'begin', 'commit'])
    expect(
      kinds('BEGIN TRY SELECT 1 END TRY BEGIN CATCH IF @@TRANCOUNT > 0 BEGIN ROLLBACK TRAN; END; THROW END CATCH'),
    ).toEqual(['try'])
  })

  it.each([
    ['SELECT * FROM WHERE', 102],
    ['SELECT 1 +', 102],
    ['SELECT @nope', 137],
    ['SELECT * FROM @nope', 1087],
    ['SELEC 1', 2812],
    ['DECLARE @p1 INT', 134],
    ['SELECT GEOGRAPHY(1)', 50_001],
    ['SELECT * FROM a CROSS APPLY b', 50_001],
    ['CREATE VIEW v AS SELECT 1', 50_001],
    ['MERGE INTO a USING b ON 1 = 1 WHEN MATCHED THEN UPDATE SET x = 1', 102],
  ])('%s is refused with %i', (sql, number) => {
    expect(() => read(sql)).toThrow(expect.objectContaining({ number }))
  })

  it('is read or rejected with a SQL Server error, whatever its text', () => {
    const words =
      `SELECT FROM WHERE [a] @P1 ( ) , . ; = + - * 'x' 1 0x IN LIKE CASE WHEN THEN END INSERT INTO VALUES BEGIN TRY
      CATCH IF ELSE DECLARE SET MERGE USING ON UPDATE DELETE OUTPUT AS JOIN ORDER BY OFFSET ROWS CREATE TABLE INT NULL`.split(
        /\s+/,
      )
    const sql = fc.oneof(
      fc.array(fc.constantFrom(...words), { maxLength: 25 }).map((parts) => parts.join(' ')),
      fc.string({ maxLength: 60 }),
    )
    fc.assert(
      fc.property(sql, (text) => {
        try {
          read(text)
        } catch (error) {
          expect(error).toBeInstanceOf(SqlError)
        }
      }),
      runs(3_000),
    )
  })
})
