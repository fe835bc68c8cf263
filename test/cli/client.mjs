// A program that knows only a connection string with user and password.
import { PrismaMssql } from '@prisma/adapter-mssql'

const adapter = await new PrismaMssql(process.env[process.argv[2]]).connect()
const sql = 'SELECT DB_NAME() AS [database], 40 + 2 AS answer'
const { rows } = await adapter.queryRaw({ sql, args: [], argTypes: [] })
console.log(JSON.stringify(rows))
await adapter.dispose()
