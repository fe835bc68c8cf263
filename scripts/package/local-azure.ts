import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { applyMigrations, dropEverything } from '../../test/integration/schema.ts'
import { openSqlLogin } from '../../test/integration/sql-login.ts'
import { startLocalAzure } from '../../test/local-azure.ts'

/** Runs programs on a local Azure: what to put in their environment, so that they sign in as a managed identity. */
export async function onLocalAzure<T>(work: (environment: Record<string, string>) => Promise<T>): Promise<T> {
  const azure = await startLocalAzure()
  const login = await openSqlLogin(azure.upstream)
  try {
    await login.lock('prisma-adapter-mssql-entra tests')
    await dropEverything(login.run)
    await applyMigrations(login.run)
    return await work({ ...azure.authority.environment('app-service'), CONFIG: JSON.stringify(azure.config()) })
  } finally {
    await dropEverything(login.run)
    await login.close()
    await azure.close()
  }
}

/** Runs a program as {@link onLocalAzure} says. @returns what it told, as JSON */
export async function runOnLocalAzure(args: readonly string[]): Promise<unknown> {
  const { stdout } = await onLocalAzure((environment) =>
    promisify(execFile)(process.execPath, args, { env: { ...process.env, ...environment }, timeout: 60_000 }),
  )
  return JSON.parse(stdout)
}
