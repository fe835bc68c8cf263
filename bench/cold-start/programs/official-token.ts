import { PrismaMssql } from '@prisma/adapter-mssql'
import { place, readFirstRow, token } from '../first-row.ts'

await readFirstRow(
  new PrismaMssql({ ...place, authentication: { type: 'azure-active-directory-access-token', options: { token } } }),
)
