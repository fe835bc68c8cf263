import { describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import type { AdapterEvent } from '../../src/index.ts'
import { useDatabase } from './database.ts'

const db = useDatabase()

type Field = Exclude<Prisma.EveryTypeScalarFieldEnum, 'id'>
type Value = NonNullable<Prisma.EveryTypeCreateInput[Field]>

const { Decimal } = Prisma
const date = (text: string) => new Date(text)
const bytes = (...values: number[]) => Uint8Array.from(values)
const longText = 'Größe 尺寸 🎉 '.repeat(10_000)
const longBytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251)

/** The value to write, and the value read back if it differs. */
const CASES: Record<Field, ([Value] | [Value, Value])[]> = {
  string: [
    [''],
    ['plain'],
    [`it's "quoted" [so]; --`],
    ['Zoë 漢字 🎉 \u{1F469}‍\u{1F4BB}'],
    ['line\r\nline\ttab'],
    ['x'.repeat(1000)],
  ],
  boolean: [[true], [false]],
  int: [[0], [1], [-1], [2147483647], [-2147483648]],
  bigInt: [[0n], [9007199254740993n], [9223372036854775807n], [-9223372036854775808n]],
  float: [[0], [0.1], [-1.5], [1 / 3], [1e21], [-12345678901234568], [2.2250738585072014e-308]],
  decimal: [
    [new Decimal('0')],
    [new Decimal('-1.5')],
    [new Decimal('0.0000000000000001')],
    [new Decimal('123456.789')],
  ],
  dateTime: [
    [date('2024-02-29T12:34:56.789Z')],
    [date('1969-12-31T23:59:59.999Z')],
    [date('0001-01-01T00:00:00.000Z')],
    [date('9999-12-31T23:59:59.999Z')],
  ],
  bytes: [[bytes()], [bytes(0)], [bytes(0, 1, 127, 128, 255)], [longBytes]],

  char: [['0123456789'], ['abc', 'abc       ']],
  nChar: [['0123456789'], ['漢字', '漢字        ']],
  varChar: [[''], ['plain'], ['Crème brûlée: 5 €'], ['x'.repeat(100)], ['漢字', '??']],
  varCharMax: [['x'], ['é'.repeat(20_000)]],
  nVarChar: [[''], ['漢字 🎉'], ['ß'.repeat(100)], ['🎉'.repeat(50)]],
  nVarCharMax: [['x'], [longText]],
  text: [['x'], ['é'.repeat(20_000)]],
  nText: [['x'], [longText]],
  xml: [['<a>x</a>'], ['<a b="1"><c>Größe 漢字</c></a>']],
  uniqueIdentifier: [
    ['00000000-0000-0000-0000-000000000000'],
    ['6F9619FF-8B86-D011-B42D-00C04FC964FF', '6f9619ff-8b86-d011-b42d-00c04fc964ff'],
  ],

  bit: [[true], [false]],
  bitInt: [[1], [0]],
  tinyInt: [[0], [255]],
  smallInt: [[32767], [-32768]],
  integer: [[2147483647], [-2147483648]],
  bigInteger: [[9223372036854775807n], [-1n]],
  real: [[0], [0.1], [-1.5], [16777216], [3.5e-38]],
  double: [[0.1], [-1.7e-300], [123456789.12345679]],
  money: [[0], [12.34], [-0.0001], [123456789.1234], [922337203685477]],
  smallMoney: [[0.5], [214748.25], [-214748.25]],
  numeric: [[new Decimal('0.0000000001')], [new Decimal('-12345.678901234')], [new Decimal('98765.4321')]],

  date: [
    [date('2024-02-29T00:00:00Z')],
    [date('0001-01-01T00:00:00Z')],
    [date('9999-12-31T00:00:00Z')],
    [date('2024-02-29T23:59:59.999Z'), date('2024-02-29T00:00:00Z')],
  ],
  time: [
    [date('1970-01-01T00:00:00Z')],
    [date('1970-01-01T23:59:59.999Z')],
    [date('2024-02-29T12:34:56.789Z'), date('1970-01-01T12:34:56.789Z')],
  ],
  dateTimeOld: [
    [date('2024-02-29T12:34:56.007Z')],
    [date('2024-02-29T12:34:56.789Z'), date('2024-02-29T12:34:56.790Z')],
    [date('2024-02-29T23:59:59.999Z'), date('2024-03-01T00:00:00.000Z')],
    [date('1753-01-01T00:00:00.000Z')],
    [date('9999-12-31T23:59:59.997Z')],
  ],
  dateTime2: [[date('2024-02-29T12:34:56.789Z')], [date('0001-01-01T00:00:00.001Z')]],
  smallDateTime: [
    [date('2024-02-29T12:34:00Z')],
    [date('2024-02-29T12:34:29.998Z'), date('2024-02-29T12:34:00Z')],
    [date('2024-02-29T12:34:30Z'), date('2024-02-29T12:35:00Z')],
    [date('1900-01-01T00:00:00Z')],
    [date('2079-06-06T23:59:00Z')],
  ],
  dateTimeOffset: [
    [date('2024-02-29T12:34:56.789Z')],
    [date('0001-01-01T00:00:00Z')],
    [date('9999-12-31T23:59:59.999Z')],
  ],

  binary: [[longBytes.subarray(0, 16)], [bytes(1, 2), bytes(1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)]],
  varBinary: [[bytes()], [bytes(0, 255)], [longBytes.subarray(0, 100)]],
  varBinaryMax: [[bytes()], [longBytes]],
  image: [[bytes(1, 2, 3)], [longBytes]],
}

const FIELDS = Object.entries(CASES) as [Field, ([Value] | [Value, Value])[]][]

/** Bytes arrive as a `Uint8Array` or a `Buffer`; only their content counts. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return Decimal.isDecimal(value) ? `decimal ${value}` : value
}

describe('a column type', () => {
  it.each(FIELDS)('%s returns what was written', async (field, cases) => {
    const written = cases.map(([value], index) => ({ id: index, [field]: value }))
    for (const data of written) await db.prisma.everyType.create({ data })
    const rows = await db.prisma.everyType.findMany({ orderBy: { id: 'asc' }, select: { [field]: true } })
    const read = rows.map((row: Partial<Record<Field, unknown>>) => plain(row[field]))
    expect(read).toEqual(cases.map(([value, expected = value]) => plain(expected)))
  })

  it.each(FIELDS)('%s can be updated and set to null', async (field, cases) => {
    const { prisma } = db
    const [value, expected = value] = cases[cases.length - 1] ?? [null]
    const select = { [field]: true }
    const read = (row: Partial<Record<Field, unknown>>) => plain(row[field])
    expect(read(await prisma.everyType.create({ data: { id: 1 }, select }))).toBeNull()
    expect(read(await prisma.everyType.update({ where: { id: 1 }, data: { [field]: value }, select }))).toEqual(
      plain(expected),
    )
    expect(await prisma.everyType.count({ where: { [field]: { not: null } } })).toBe(1)
    expect(read(await prisma.everyType.update({ where: { id: 1 }, data: { [field]: null }, select }))).toBeNull()
    expect(await prisma.everyType.count({ where: { [field]: null } })).toBe(1)
  })
})

describe('a row', () => {
  it('holds every column at once, null or not', async () => {
    const row = Object.fromEntries(FIELDS.map(([field, [first]]) => [field, first?.[0]]))
    await db.prisma.everyType.createMany({ data: [{ id: 1, ...row }, { id: 2 }] })
    const [full, empty] = await db.prisma.everyType.findMany({ orderBy: { id: 'asc' } })
    const nulls = Object.fromEntries(FIELDS.map(([field]) => [field, null]))
    expect(empty).toEqual({ id: 2, ...nulls })
    const read = Object.entries(full ?? {}).map(([field, value]) => [field, plain(value)])
    const expected = FIELDS.map(([field, [first]]) => [field, plain(first?.[1] ?? first?.[0])])
    expect(Object.fromEntries(read)).toEqual({ id: 1, ...Object.fromEntries(expected) })
  })

  it('keeps more digits than a JavaScript number has', async () => {
    const numeric = '1234567890123456789012345678.0123456789'
    await db.prisma.everyType.create({ data: { id: 1, numeric } })
    expect(await db.prisma.everyType.count({ where: { numeric } })).toBe(1)
    expect(await db.prisma.$queryRaw`SELECT CAST([numeric] AS VARCHAR(50)) AS digits FROM [EveryType]`).toEqual([
      { digits: numeric },
    ])
  })

  it('is found by a value of each comparable type', async () => {
    const incomparable: Field[] = ['text', 'nText', 'xml', 'image']
    const comparable = FIELDS.filter(([field]) => !incomparable.includes(field))
    const row = Object.fromEntries(comparable.map(([field, [first]]) => [field, first?.[0]]))
    await db.prisma.everyType.create({ data: { id: 1, ...row } })
    await db.prisma.everyType.create({ data: { id: 2 } })
    const found: Field[] = []
    for (const [field] of comparable) {
      if ((await db.prisma.everyType.count({ where: { [field]: row[field] } })) === 1) found.push(field)
    }
    expect(found).toEqual(comparable.map(([field]) => field))
  })
})

describe('a default', () => {
  it('fills in a missing value', async () => {
    const before = Date.now()
    const first = await db.prisma.everyDefault.create({ data: {} })
    const second = await db.prisma.everyDefault.create({ data: {} })
    expect(first).toMatchObject({
      string: `it's {quoted}`,
      boolean: true,
      int: 42,
      bigInt: 9007199254740993n,
      float: 1.5,
      note: null,
    })
    expect(first.id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
    expect(first.id).not.toBe(second.id)
    expect(second.sequence).toBe(first.sequence + 1n)
    expect(first.decimal.toString()).toBe('12.34')
    expect(Math.abs(first.dateTime.getTime() - before)).toBeLessThan(60_000)
    expect(first.cuid).toMatch(/^c[a-z\d]{20,}$/)
  })

  it('exists in the database too, for writes without Prisma', async () => {
    await db.sql(`INSERT INTO [dbo].[EveryDefault] ([cuid]) VALUES ('mine')`)
    const row = await db.prisma.everyDefault.findFirstOrThrow()
    expect(row).toMatchObject({
      string: `it's {quoted}`,
      boolean: true,
      int: 42,
      bigInt: 9007199254740993n,
      float: 1.5,
    })
    expect(row.decimal.toString()).toBe('12.34')
    const [now] = await db.prisma.$queryRaw<{ now: Date }[]>`SELECT CURRENT_TIMESTAMP AS now`
    expect(Math.abs(row.dateTime.getTime() - (now?.now.getTime() ?? 0))).toBeLessThan(60_000)
  })
})

describe('a column with more digits than the driver can read', () => {
  it('is reported once for each adapter, by an event', async () => {
    const events: AdapterEvent[] = []
    const { prisma } = db.connect({ onEvent: (event) => events.push(event) })
    const told = () => events.filter(({ type }) => type === 'decimal.inexact')
    await prisma.$queryRaw`SELECT CAST(1 AS bigint) AS exact`
    expect(told()).toEqual([])
    for (let n = 0; n < 3; n++) await prisma.$queryRaw`SELECT CAST(1 AS decimal(32, 16)) AS price`
    expect(told()).toMatchObject([{ column: 'price', precision: expect.toSatisfy((digits) => digits > 15), scale: 16 }])
  })
})
