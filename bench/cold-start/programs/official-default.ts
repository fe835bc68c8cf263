import { PrismaMssql } from '@prisma/adapter-mssql'
import { place, readFirstRow } from '../first-row.ts'

await readFirstRow(
  new PrismaMssql({ ...place, authentication: { type: 'azure-active-directory-default', options: {} } }),
)
