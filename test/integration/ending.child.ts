/** A script that queries once and returns. `argv`: `disconnect` or `return`. */
import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../../src/index.ts'

const { config, token } = JSON.parse(process.env.ENDING_TEST ?? '') as {
  config: MssqlConfig
  token: { token: string; expiresOnTimestamp: number }
}
const adapter = new PrismaMssqlEntra(config, { credential: { getToken: async () => token } })
const prisma = new PrismaClient({ adapter })
if (process.argv[2] !== 'nothing') console.log(await prisma.user.count())
if (process.argv[2] === 'disconnect') await prisma.$disconnect()
