import { isAzureHost } from '../credentials/clouds.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { Target } from '../login/target.ts'

/** The name that Prisma gets if there is no shadow database. */
const NO_SHADOW_DATABASE = 'shadowDatabase is not set'

/**
 * The shadow database to name to Prisma. Behind the proxy, its engine does not notice Azure, and without a name it would
 * run CREATE DATABASE there, which is billed. So it gets a name that the proxy refuses.
 *
 * @param shadow - the one that the user named
 * @param option - where the user names it
 * @throws {@link EntraError} `CONFIG_INVALID` if it is the database itself, or has no name
 */
export function shadowDatabaseOf(
  { host, database }: Target,
  shadow: string | undefined,
  option: string,
): string | undefined {
  if (shadow === undefined) return isAzureHost(host) ? NO_SHADOW_DATABASE : undefined
  if (shadow.trim() === '') throw new EntraError('CONFIG_INVALID', `${option} must be the name of a database.`)
  // SQL Server ignores spaces at the end of a name.
  if (shadow.trim().toLowerCase() === database?.trim().toLowerCase()) {
    throw new EntraError(
      'CONFIG_INVALID',
      `${option} is the database itself, "${database}", and Prisma would empty it. Name another one.`,
    )
  }
  return shadow
}

/**
 * What a client of the proxy is told if it would run CREATE DATABASE on Azure: for a shadow database, or, from `master`,
 * for the database itself, whose name may only be misspelled. Undefined if it may go on.
 *
 * @param remedy - how to name a shadow database
 */
export function refusedDatabase(database: string, target: Target, remedy: string): string | undefined {
  if (database === NO_SHADOW_DATABASE) {
    return (
      'This command needs a shadow database, which Prisma empties and fills to compare schemas. On Azure it must exist ' +
      `beforehand (a new one is billed). Create an empty one next to the main one, and ${remedy}.`
    )
  }
  const named = target.database ?? 'master'
  if (database.toLowerCase() !== 'master' || named.toLowerCase() === 'master' || !isAzureHost(target.host))
    return undefined
  return (
    `The server has no database "${named}". Prisma would create one, which Azure bills. ` +
    'Correct its name in the connection string, or create it yourself.'
  )
}
