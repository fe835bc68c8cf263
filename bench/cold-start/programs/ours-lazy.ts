import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { place, readFirstRow } from '../first-row.ts'

await readFirstRow(new PrismaMssqlEntra({ ...place }))
