import { type Command, InvalidArgumentError } from 'commander'
import type { SignInOptions } from '../credentials/sign-in-options.ts'

/** The variable from which Prisma reads the connection string. */
export const DATABASE_URL = 'DATABASE_URL'

export interface SignInFlags extends Pick<SignInOptions, 'tenantId' | 'clientId'> {
  url?: string
  config?: string
  authentication?: string[]
  scope?: string
}

/** Adds the flags that say where to connect to, and how to sign in if the connection string does not. */
export function signInFlags(command: Command): Command {
  return command
    .optionsGroup('Where to connect, and how to sign in:')
    .option('--url <string>', 'the connection string, instead of the argument')
    .option('--config <file>', 'take everything from entraDatasource(…) in this file')
    .option(
      '--authentication <names>',
      'ActiveDirectoryManagedIdentity, AzureCli, …; several, separated by commas, in order of preference',
      (text: string) => text.split(',').map((name) => name.trim()),
    )
    .option('--tenant-id <id>', 'the tenant to sign in to')
    .option('--client-id <id>', 'the application, or the user-assigned managed identity')
    .option('--scope <scope>', "the scope of the token (default: that of the server's cloud)")
    .addHelpText('after', DEFAULT_DATASOURCE)
}

const DEFAULT_DATASOURCE = `
Where to connect, by default: as entraDatasource(…) in prisma.config.ts says, or else ${DATABASE_URL} in the environment, .env
or prisma/.env.`

/** The values of {@link signInFlags} as options. */
export function signInOptionsOf({ authentication = [], tenantId, clientId, scope }: SignInFlags) {
  const [first] = authentication
  return {
    ...(authentication.length > 1 ? { credential: authentication } : first !== undefined && { authentication: first }),
    ...(tenantId !== undefined && { tenantId }),
    ...(clientId !== undefined && { clientId }),
    ...(scope !== undefined && { scope }),
  }
}

/** What begins like a URL, `NAME=value`, `host:1433` or a reference to Key Vault, if need be within quotes. */
const LIKE_A_STRING = /^\s*["']?([\w+:]+:\/\/|[\w ]+=|[\w.-]+:\d+([/;]|$)|@Microsoft\.KeyVault\()/i

/** Whether an argument is meant as a connection string, right or wrong, and not as the name of a command. */
export function isConnectionString(argument: string): boolean {
  return LIKE_A_STRING.test(argument)
}

/** Parses a TCP port; 0 for a free one. */
export function portNumber(value: string): number {
  const port = Number(value)
  if (!/^\d+$/.test(value) || port > 65_535) throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return port
}

/** Parses a number of seconds into ms. */
export function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 3600)) throw new InvalidArgumentError('It must be a number of seconds up to 3600.')
  return value * 1000
}
