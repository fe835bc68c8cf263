import { describe, expect, it } from 'vitest'
import { isRead, mentionsWrite } from '../../src/client/sql-text.ts'

describe('a statement that is certainly a read', () => {
  it.each([
    'SELECT 1',
    '  select [id], [update] FROM [dbo].[into] WHERE [name] = @P1',
    "SELECT 'DELETE FROM x; it''s' AS [a]]b]",
    'SELECT CASE WHEN [a] = 1 THEN 2 END FROM [t]',
    'SELECT 1 -- DROP TABLE x',
    '/* EXEC p */ SELECT "merge" FROM t',
    "SELECT N'--' , '/*' AS a",
    'SELECT COUNT(*) FROM (SELECT TOP 3 [id] FROM [t] ORDER BY [id] OFFSET 0 ROWS FETCH NEXT 3 ROWS ONLY) AS [s]',
  ])('is %s', (sql) => {
    expect(isRead(sql)).toBe(true)
  })

  it.each([
    '',
    'UPDATE t SET a = 1',
    'SELECT * INTO t2 FROM t',
    'SELECT 1; DELETE FROM t',
    'SELECT 1 DELETE FROM t',
    'SELECT 1 EXEC p',
    'SELECT NEXT  VALUE FOR s',
    "SELECT * FROM OPENQUERY(other, 'x')",
    'SELECT 1 COMMIT',
    "SELECT ' -- an open string",
    'SELECT /* a /* b */ DELETE FROM t */ 1',
    'SELECT [a FROM t',
    'WITH c AS (SELECT 1 AS a) DELETE FROM c',
    'DECLARE @k TABLE (id int) INSERT INTO t OUTPUT inserted.id INTO @k VALUES (1) SELECT 1',
    'EXEC p',
  ])('is not %s', (sql) => {
    expect(isRead(sql)).toBe(false)
  })
})

describe('a statement that names a write', () => {
  it.each([
    ['SELECT 1', false],
    ['INSERT INTO t VALUES (1)', true],
    ['DECLARE @k TABLE (id int) insert INTO t VALUES (1)', true],
    ['MERGE INTO t USING s ON 1 = 1', true],
    ['SELECT [updated] FROM t', false],
  ])('is %s: %s', (sql, writes) => {
    expect(mentionsWrite(sql)).toBe(writes)
  })
})
