/** The same without this package, to see what it adds to a bundle. */
import { PrismaMssql } from '@prisma/adapter-mssql'
import { PrismaClient } from './generated/prisma/client.ts'

const prisma = new PrismaClient({ adapter: new PrismaMssql(JSON.parse(process.env.CONFIG ?? '')) })
console.log(await prisma.tag.count())
