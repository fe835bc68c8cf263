import type { Command } from 'commander'
import type { SignInOptions } from '../credentials/sign-in-options.ts'
import { EntraError } from '../errors/entra-error.ts'

/** The variable that names the database to everything of Prisma. */
export const DATABASE_URL = 'DATABASE_URL'

/** What the flags of {@link signInFlags} give. */
export interface SignInFlags extends Pick<SignInOptions, 'authentication' | 'tenantId' | 'clientId'> {
  scope?: string
}

/** Adds the flags that say how to sign in, for what the connection string does not say. */
export function signInFlags(command: Command): Command {
  return command
    .option('--authentication <name>', 'how to sign in: ActiveDirectoryManagedIdentity, AzureCli, …')
    .option('--tenant-id <id>', 'the tenant to sign in to')
    .option('--client-id <id>', 'the application, or the user-assigned managed identity')
    .option('--scope <scope>', "what the token is for, if not for the server's cloud")
}

/** Of all flags of a command, those that say how to sign in. */
export function signInOf({ authentication, tenantId, clientId, scope }: SignInFlags): SignInFlags {
  return {
    ...(authentication !== undefined && { authentication }),
    ...(tenantId !== undefined && { tenantId }),
    ...(clientId !== undefined && { clientId }),
    ...(scope !== undefined && { scope }),
  }
}

/**
 * The connection string that was given, else the one of the environment.
 *
 * @throws {@link EntraError} `CONFIG_INVALID` where there is none
 */
export function connectionStringOf(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  const text = given ?? environment[DATABASE_URL]
  if (text !== undefined && text.trim() !== '') return text
  throw new EntraError(
    'CONFIG_INVALID',
    `There is no connection string: name one, or set ${DATABASE_URL}, such as ` +
      'sqlserver://myserver.database.windows.net;database=app',
  )
}
