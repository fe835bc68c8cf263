import { describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { useSeededDatabase } from './fixtures.ts'

const { db } = useSeededDatabase()

async function users(where: Prisma.UserWhereInput): Promise<string[]> {
  const found = await db.prisma.user.findMany({ where, orderBy: { id: 'asc' }, select: { email: true } })
  return found.map(({ email }) => email.slice(0, email.indexOf('@')))
}

async function posts(where: Prisma.PostWhereInput): Promise<string[]> {
  const found = await db.prisma.post.findMany({ where, orderBy: { id: 'asc' }, select: { slug: true } })
  return found.map(({ slug }) => slug)
}

describe('a filter on numbers', () => {
  it.each<[Prisma.IntFilter, string[]]>([
    [{ equals: 20 }, ['bob']],
    [{ not: 20 }, ['ann', 'cleo', 'dave']],
    [{ in: [10, 40, 99] }, ['ann', 'dave']],
    [{ in: [] }, []],
    [{ notIn: [10, 40] }, ['bob', 'cleo']],
    [{ notIn: [] }, ['ann', 'bob', 'cleo', 'dave']],
    [{ lt: 20 }, ['ann']],
    [{ lte: 20 }, ['ann', 'bob']],
    [{ gt: 20 }, ['cleo', 'dave']],
    [{ gte: 20, lt: 40 }, ['bob', 'cleo']],
    [{ not: { gt: 20 } }, ['ann', 'bob']],
  ])('finds credits %j', async (credits, expected) => {
    expect(await users({ credits })).toEqual(expected)
  })

  it('accepts floats, decimals and big integers', async () => {
    expect(await posts({ rating: { gt: 3 } })).toEqual(['first'])
    expect(await posts({ rating: { gte: 3, lte: 4.5 } })).toEqual(['first', 'third'])
    expect(await posts({ price: { equals: '100.25' } })).toEqual(['third'])
    expect(await posts({ price: { in: [new Prisma.Decimal('1.5'), new Prisma.Decimal(20)] } })).toEqual([
      'first',
      'second',
    ])
    const { id } = await db.prisma.post.findUniqueOrThrow({ where: { slug: 'third' } })
    expect(await posts({ id: { gte: id } })).toEqual(['third', 'orphan'])
  })

  it('matches null only if it asks for null', async () => {
    expect(await posts({ rating: null })).toEqual(['second', 'orphan'])
    expect(await posts({ rating: { not: null } })).toEqual(['first', 'third'])
    expect(await posts({ rating: { not: 3 } })).toEqual(['first'])
    expect(await posts({ authorId: null })).toEqual(['orphan'])
  })
})

describe('a filter on text', () => {
  it.each<[Prisma.StringNullableFilter, string[]]>([
    [{ equals: 'Bob' }, ['bob']],
    [{ equals: 'BOB' }, ['bob']],
    [{ in: ['ann', 'DAVE'] }, ['ann', 'dave']],
    [{ notIn: ['ANN'] }, ['bob', 'dave']],
    [{ not: 'ann' }, ['bob', 'dave']],
    [{ lt: 'bob' }, ['ann']],
    [{ gte: 'BOB' }, ['bob', 'dave']],
    [{ contains: 'A' }, ['ann', 'dave']],
    [{ startsWith: 'aN' }, ['ann']],
    [{ endsWith: 'E' }, ['dave']],
    [{ not: { contains: 'a' } }, ['bob']],
    [{ contains: '' }, ['ann', 'bob', 'dave']],
  ])('finds name %j case-insensitively', async (name, expected) => {
    expect(await users({ name })).toEqual(expected)
  })

  it('ignores trailing spaces in comparisons, as SQL Server does', async () => {
    expect(await users({ name: 'Ann  ' })).toEqual(['ann'])
    expect(await users({ name: ' Ann' })).toEqual([])
  })

  it('distinguishes accents but not the case of accented letters', async () => {
    await db.prisma.user.update({ where: { email: 'bob@example.test' }, data: { name: 'Émile' } })
    expect(await users({ name: 'ÉMILE' })).toEqual(['bob'])
    expect(await users({ name: 'émile' })).toEqual(['bob'])
    expect(await users({ name: 'Emile' })).toEqual([])
    expect(await users({ name: { startsWith: 'éM' } })).toEqual(['bob'])
  })

  it('searches text of any length', async () => {
    expect(await posts({ content: { contains: 'first' } })).toEqual(['third'])
    expect(await posts({ slug: 'FIRST' })).toEqual(['first'])
  })

  it('treats quotes and SQL as text', async () => {
    const name = `O'Brien"; DROP TABLE [User] --`
    await db.prisma.user.update({ where: { email: 'bob@example.test' }, data: { name } })
    expect(await users({ name })).toEqual(['bob'])
    expect(await users({ name: { contains: `'Brien"; DROP` } })).toEqual(['bob'])
  })
})

describe('a filter on other types', () => {
  it('accepts booleans, in both directions', async () => {
    expect(await users({ active: false })).toEqual(['dave'])
    expect(await users({ active: { not: false } })).toEqual(['ann', 'bob', 'cleo'])
  })

  it('accepts times to the millisecond', async () => {
    const createdAt = new Date('2024-01-01T10:00:00.123Z')
    expect(await posts({ createdAt })).toEqual(['first'])
    expect(await posts({ createdAt: { gt: createdAt, lt: new Date('2024-04-01T00:00:00Z') } })).toEqual([
      'second',
      'third',
    ])
    expect(await posts({ createdAt: { in: ['2024-03-01T00:00:00Z'] } })).toEqual(['third'])
  })

  it('accepts identifiers in any case', async () => {
    const account = await db.prisma.account.findFirstOrThrow({ where: { provider: 'github' } })
    expect(account.id).toBe(account.id.toLowerCase())
    expect(await db.prisma.account.findUnique({ where: { id: account.id.toUpperCase() } })).toEqual(account)
  })

  it('accepts bytes', async () => {
    await db.prisma.everyType.createMany({
      data: [
        { id: 1, bytes: Uint8Array.of(1, 2, 3) },
        { id: 2, bytes: Uint8Array.of(1, 2) },
        { id: 3, bytes: null },
      ],
    })
    expect(await db.prisma.everyType.count({ where: { bytes: Uint8Array.of(1, 2, 3) } })).toBe(1)
    expect(await db.prisma.everyType.count({ where: { bytes: { not: Uint8Array.of(1, 2) } } })).toBe(1)
    expect(await db.prisma.everyType.count({ where: { bytes: { in: [Uint8Array.of(1, 2)] } } })).toBe(1)
  })
})

describe('a combined filter', () => {
  it('supports AND, OR and NOT', async () => {
    expect(await users({ OR: [{ credits: 10 }, { active: false }] })).toEqual(['ann', 'dave'])
    expect(await users({ AND: [{ credits: { gt: 10 } }, { active: true }] })).toEqual(['bob', 'cleo'])
    expect(await users({ NOT: [{ credits: 10 }, { credits: 20 }] })).toEqual(['cleo', 'dave'])
    expect(await users({ NOT: { OR: [{ role: 'admin' }, { role: 'guest' }] } })).toEqual(['bob', 'cleo'])
    expect(await users({ OR: [] })).toEqual([])
    expect(await users({ AND: [] })).toEqual(['ann', 'bob', 'cleo', 'dave'])
  })

  it('compares columns with each other', async () => {
    const { fields } = db.prisma.post
    expect(await posts({ title: { equals: fields.slug } })).toEqual(['second', 'orphan'])
    expect(await posts({ content: { contains: fields.slug } })).toEqual([])
    await db.prisma.post.update({ where: { slug: 'orphan' }, data: { content: 'The ORPHAN of them' } })
    expect(await posts({ content: { contains: fields.slug } })).toEqual(['orphan'])
  })

  it('accepts more values than a statement has parameters', async () => {
    const credits = { in: [...Array.from({ length: 2_500 }, (_, index) => -index), 20] }
    expect(await db.prisma.user.findMany({ where: { credits }, select: { name: true } })).toEqual([{ name: 'Bob' }])
  })
})

describe('a filter on relations', () => {
  it('supports some, every and none', async () => {
    expect(await users({ posts: { some: { published: true } } })).toEqual(['ann', 'bob'])
    expect(await users({ posts: { every: { published: true } } })).toEqual(['bob', 'cleo', 'dave'])
    expect(await users({ posts: { none: {} } })).toEqual(['cleo', 'dave'])
    expect(await users({ posts: { some: {}, every: { published: true } } })).toEqual(['bob'])
  })

  it('supports is and isNot', async () => {
    expect(await posts({ author: { is: { role: 'admin' } } })).toEqual(['first', 'second'])
    expect(await posts({ author: { isNot: { role: 'admin' } } })).toEqual(['third', 'orphan'])
    expect(await posts({ author: null })).toEqual(['orphan'])
    expect(await users({ profile: { isNot: null } })).toEqual(['ann'])
    expect(await users({ profile: { bio: { contains: 'DATABASES' } } })).toEqual(['ann'])
  })

  it('follows the self relation and the many-to-many relation', async () => {
    expect(await users({ manager: { manager: { name: 'Ann' } } })).toEqual(['dave'])
    expect(await users({ reports: { some: { active: false } } })).toEqual(['bob'])
    expect(await posts({ tags: { some: { name: 'PRISMA' } } })).toEqual(['first'])
    expect(await posts({ tags: { none: { name: 'prisma' } } })).toEqual(['second', 'third', 'orphan'])
    expect(await posts({ tags: { every: { name: 'sql' } } })).toEqual(['second', 'third', 'orphan'])
  })

  it('spans several relations', async () => {
    expect(await users({ comments: { some: { post: { author: { is: { name: 'ann' } } } } } })).toEqual(['bob'])
  })
})
