import { afterAll, beforeAll } from 'vitest'
import { sharedUpstream } from '../integration/shared-upstream.ts'
import { openSqlLogin, type SqlLogin } from '../integration/sql-login.ts'
import { type LocalAzure, startLocalAzure } from '../local-azure.ts'
import { PrismaCli } from './cli.ts'

/** Prisma's commands on a local Azure, and a login of the database's own to look at what they did. */
export interface PrismaCliOnAzure {
  azure: LocalAzure
  cli: PrismaCli
  login: SqlLogin
}

/** For a test file. Its properties are there from the first test on. */
export function usePrismaCli(): PrismaCliOnAzure {
  const opened = {} as PrismaCliOnAzure
  beforeAll(async () => {
    opened.azure = await startLocalAzure({ upstream: await sharedUpstream() })
    opened.cli = await PrismaCli.open(opened.azure)
    opened.login = await openSqlLogin(opened.azure.upstream)
    await opened.login.lock('prisma-adapter-mssql-entra tests')
  }, 600_000)
  afterAll(async () => {
    await opened.login.close()
    await opened.azure.close()
    await opened.cli.close()
  })
  return opened
}
