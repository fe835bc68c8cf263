import { describe, expect, it } from 'vitest'
import { useDatabase } from './database.ts'

const db = useDatabase()

describe('create', () => {
  it('returns the record as stored, with defaults', async () => {
    const before = Date.now()
    const user = await db.prisma.user.create({ data: { email: 'a@example.test', name: 'A' } })
    expect(user).toMatchObject({ email: 'a@example.test', name: 'A', role: 'member', active: true, credits: 0 })
    expect(user.managerId).toBeNull()
    expect(user.createdAt.getTime()).toBeGreaterThanOrEqual(before - 1)
    expect(await db.prisma.user.findUnique({ where: { id: user.id } })).toEqual(user)
  })

  it('numbers records in ascending order', async () => {
    const first = await db.prisma.tag.create({ data: { name: 'one' } })
    const second = await db.prisma.tag.create({ data: { name: 'two' } })
    expect(second.id).toBe(first.id + 1)
  })

  it('creates many records and returns their number', async () => {
    const data = Array.from({ length: 1_500 }, (_, index) => ({ name: `tag ${index}` }))
    expect(await db.prisma.tag.createMany({ data })).toEqual({ count: 1_500 })
    expect(await db.prisma.tag.count()).toBe(1_500)
  })

  it('creates nothing from an empty list', async () => {
    expect(await db.prisma.tag.createMany({ data: [] })).toEqual({ count: 0 })
  })

  it('creates many records with different columns set', async () => {
    await db.prisma.user.createMany({
      data: [
        { email: 'a@example.test', name: 'A' },
        { email: 'b@example.test', credits: 7 },
        { email: 'c@example.test' },
      ],
    })
    expect(await db.prisma.user.findMany({ orderBy: { email: 'asc' }, select: { name: true, credits: true } })).toEqual(
      [
        { name: 'A', credits: 0 },
        { name: null, credits: 7 },
        { name: null, credits: 0 },
      ],
    )
  })
})

describe('update', () => {
  it('changes the given fields and the modification time', async () => {
    const { prisma } = db
    const user = await prisma.user.create({ data: { email: 'a@example.test', name: 'A', updatedAt: new Date(0) } })
    const updated = await prisma.user.update({
      where: { email: 'A@example.test' },
      data: { name: null, active: false },
    })
    expect(updated).toEqual({ ...user, name: null, active: false, updatedAt: updated.updatedAt })
    expect(updated.updatedAt.getTime()).toBeGreaterThan(0)
    expect(await prisma.user.findUnique({ where: { id: user.id } })).toEqual(updated)
  })

  it('computes from the current values', async () => {
    const { prisma } = db
    const { id } = await prisma.user.create({ data: { email: 'a@example.test', credits: 10 } })
    const change = async (credits: object) =>
      (await prisma.user.update({ where: { id }, data: { credits }, select: { credits: true } })).credits
    expect(await change({ increment: 5 })).toBe(15)
    expect(await change({ decrement: 20 })).toBe(-5)
    expect(await change({ multiply: -3 })).toBe(15)
    expect(await change({ divide: 2 })).toBe(7)
    expect(await change({ set: 1 })).toBe(1)
  })

  it('computes with decimals, floats and big integers', async () => {
    const { prisma } = db
    await prisma.everyType.create({ data: { id: 1, decimal: '1.1', float: 0.5, bigInt: 9007199254740993n } })
    const updated = await prisma.everyType.update({
      where: { id: 1 },
      data: { decimal: { increment: '2.2' }, float: { multiply: 3 }, bigInt: { decrement: 1 } },
    })
    expect(updated.decimal?.toString()).toBe('3.3')
    expect(updated.float).toBe(1.5)
    expect(updated.bigInt).toBe(9007199254740992n)
  })

  it('loses no change when many update the same record at once', async () => {
    const { prisma } = db
    const { id } = await prisma.user.create({ data: { email: 'a@example.test' } })
    await Promise.all(
      Array.from({ length: 20 }, () => prisma.user.updateMany({ where: { id }, data: { credits: { increment: 1 } } })),
    )
    expect((await prisma.user.findUniqueOrThrow({ where: { id } })).credits).toBe(20)
  })

  it('changes a primary key', async () => {
    const { prisma } = db
    await prisma.everyType.create({ data: { id: 1, int: 5 } })
    expect(await prisma.everyType.update({ where: { id: 1 }, data: { id: 2 } })).toMatchObject({ id: 2, int: 5 })
    expect(await prisma.everyType.findUnique({ where: { id: 1 } })).toBeNull()
  })

  it('changes many records and returns their number', async () => {
    const { prisma } = db
    await prisma.user.createMany({ data: [1, 2, 3].map((credits) => ({ email: `${credits}@example.test`, credits })) })
    expect(await prisma.user.updateMany({ where: { credits: { gt: 1 } }, data: { role: 'guest' } })).toEqual({
      count: 2,
    })
    expect(await prisma.user.updateMany({ where: { credits: { gt: 9 } }, data: { role: 'guest' } })).toEqual({
      count: 0,
    })
    expect(await prisma.user.updateMany({ data: { credits: { increment: 1 } } })).toEqual({ count: 3 })
    expect(await prisma.user.count({ where: { role: 'guest' } })).toBe(2)
  })
})

describe('upsert', () => {
  it('creates, then updates', async () => {
    const upsert = (name: string) =>
      db.prisma.user.upsert({
        where: { email: 'a@example.test' },
        create: { email: 'a@example.test', name },
        update: { name, credits: { increment: 1 } },
      })
    const created = await upsert('A')
    const updated = await upsert('B')
    expect(created).toMatchObject({ name: 'A', credits: 0 })
    expect(updated).toMatchObject({ id: created.id, name: 'B', credits: 1 })
    expect(await db.prisma.user.count()).toBe(1)
  })

  it('finds a record by a compound key', async () => {
    const user = await db.prisma.user.create({ data: { email: 'a@example.test' } })
    const key = { provider: 'github', subject: 'a' }
    const upsert = (balance: number) =>
      db.prisma.account.upsert({
        where: { provider_subject: key },
        create: { ...key, balance, userId: user.id },
        update: { balance },
      })
    const created = await upsert(1.5)
    expect(await upsert(2.25)).toEqual({ ...created, balance: 2.25 })
  })
})

describe('delete', () => {
  it('returns the deleted record', async () => {
    const user = await db.prisma.user.create({ data: { email: 'a@example.test' } })
    expect(await db.prisma.user.delete({ where: { email: 'a@example.test' } })).toEqual(user)
    expect(await db.prisma.user.count()).toBe(0)
  })

  it('deletes many records and returns their number', async () => {
    await db.prisma.tag.createMany({ data: ['a', 'b', 'c'].map((name) => ({ name })) })
    expect(await db.prisma.tag.deleteMany({ where: { name: { in: ['A', 'C', 'd'] } } })).toEqual({ count: 2 })
    expect(await db.prisma.tag.deleteMany()).toEqual({ count: 1 })
  })
})
