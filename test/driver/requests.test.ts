import { Request, TYPES } from 'tedious'
import { describe, expect, it } from 'vitest'
import { type DriverParameter, declareBySizeClass } from '../../src/driver/requests.ts'

type Add = Parameters<Request['addParameter']>

/** The declaration that tedious makes for `sp_executesql`. */
function declarationOf(...added: Add[]): string {
  const request = new Request('SELECT 1', () => {})
  for (const each of added) request.addParameter(...each)
  declareBySizeClass(request.parameters as DriverParameter[])
  return request.makeParamsParameter(request.parameters)
}

describe('parameters are declared by size class', () => {
  it('1,000 different e-mail addresses share one declaration', () => {
    const emails = Array.from({ length: 1_000 }, (_, i) => `${'a'.repeat(i % 97)}${i}@example.test`)
    const declarations = new Set(emails.map((email) => declarationOf(['email', TYPES.NVarChar, email])))
    expect([...declarations]).toEqual(['@email nvarchar(4000)'])
  })

  it.each<[string, Add[1], unknown, string]>([
    ['an empty string', TYPES.NVarChar, '', 'nvarchar(4000)'],
    ['null', TYPES.NVarChar, null, 'nvarchar(4000)'],
    ['the longest string short of max', TYPES.NVarChar, 'a'.repeat(4_000), 'nvarchar(4000)'],
    ['one character more', TYPES.NVarChar, 'a'.repeat(4_001), 'nvarchar(max)'],
    ['varchar', TYPES.VarChar, 'a', 'varchar(8000)'],
    ['a varchar that may have more bytes than characters', TYPES.VarChar, 'é'.repeat(4_001), 'varchar(max)'],
    ['bytes', TYPES.VarBinary, Buffer.alloc(3), 'varbinary(8000)'],
    ['null of bytes', TYPES.VarBinary, null, 'varbinary(8000)'],
    ['the most bytes short of max', TYPES.VarBinary, Buffer.alloc(8_000), 'varbinary(8000)'],
    ['one byte more', TYPES.VarBinary, Buffer.alloc(8_001), 'varbinary(max)'],
    ['a number', TYPES.Int, 1, 'int'],
    ['characters of a fixed length', TYPES.NChar, 'abc', 'nchar(3)'],
  ])('%s', (_, type, value, declaration) => {
    expect(declarationOf(['p', type, value])).toBe(`@p ${declaration}`)
  })

  it('an explicit length is kept', () => {
    expect(declarationOf(['p', TYPES.NVarChar, 'abc', { length: 50 }])).toBe('@p nvarchar(50)')
  })

  it('an output parameter and a table are left unchanged', () => {
    const table = { name: 't', columns: [], rows: [] }
    const output: DriverParameter = { type: { name: 'NVarChar' }, value: 'abc', output: true }
    const tvp: DriverParameter = { type: { name: 'TVP' }, value: table, output: false }
    declareBySizeClass([output, tvp])
    expect([output, tvp]).toEqual([
      { type: { name: 'NVarChar' }, value: 'abc', output: true },
      { type: { name: 'TVP' }, value: table, output: false },
    ])
  })
})
