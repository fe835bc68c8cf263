import { isAzureHost } from '../credentials/clouds.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { Target } from '../login/target.ts'

/**
 * Checks the name of a shadow database.
 *
 * @param option - where the user names it
 * @throws {@link EntraError} `CONFIG_INVALID` if it is the database itself, or has no name
 */
export function checkShadowDatabase({ database }: Target, shadow: string | undefined, option: string): void {
  if (shadow === undefined) return
  if (shadow.trim() === '') throw new EntraError('CONFIG_INVALID', `${option} must be the name of a database.`)
  // SQL Server ignores spaces at the end of a name.
  if (shadow.trim().toLowerCase() === database?.trim().toLowerCase()) {
    throw new EntraError(
      'CONFIG_INVALID',
      `${option} is the database itself, "${database}", and Prisma would empty it. Name another one.`,
    )
  }
}

/**
 * The error for a client of the proxy that would create a database on Azure because it finds none by the name in the string,
 * which may only be misspelled: Prisma does so from `master`. Undefined if the client may continue.
 */
export function refusedDatabase(database: string, target: Target): string | undefined {
  const named = target.database ?? 'master'
  if (database.toLowerCase() !== 'master' || named.toLowerCase() === 'master' || !isAzureHost(target.host))
    return undefined
  return (
    `The server has no database "${named}". Prisma would create one, which Azure bills. ` +
    'Correct its name in the connection string, or create it yourself.'
  )
}

/**
 * The error for Prisma if it would create a shadow database on Azure: behind the proxy, its engine does not notice Azure.
 * Undefined if a statement is another one.
 *
 * @param sql - its beginning
 * @param remedy - how to name a shadow database
 */
export function refusedStatement(sql: string, { host }: Target, remedy: string): string | undefined {
  if (!sql.startsWith('CREATE DATABASE [prisma_migrate_shadow_db_') || !isAzureHost(host)) return undefined
  return (
    'This command needs a shadow database, which Prisma empties and fills to compare schemas. On Azure it must exist ' +
    `beforehand (a new one is billed). Create an empty one next to the main one, and ${remedy}.`
  )
}
