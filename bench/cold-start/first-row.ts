import { writeSync } from 'node:fs'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { PrismaClient } from '../../generated/prisma/client.ts'
import type { Place } from './azure.ts'

/** What a program is given by its environment. */
export const place: Place = JSON.parse(process.env.COLD_START_PLACE ?? '')
export const token = process.env.COLD_START_TOKEN ?? ''

/** Reads one row, says so, and ends in order. */
export async function readFirstRow(adapter: SqlDriverAdapterFactory): Promise<void> {
  const prisma = new PrismaClient({ adapter })
  const rows = await prisma.user.findMany({ take: 1 })
  if (rows.length !== 1) throw new Error('There is no row.')
  const { user, system } = process.cpuUsage()
  writeSync(1, `${(user + system) / 1000}\n`)
  await prisma.$disconnect()
}
