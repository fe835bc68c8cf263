import { type Command, InvalidArgumentError } from 'commander'
import { holdsSecret } from '../config/connection-string.ts'
import type { SignInOptions } from '../credentials/sign-in-options.ts'
import { EntraError } from '../errors/entra-error.ts'
import { type CliContext, say } from './process.ts'

/** The variable that all of Prisma reads the connection string from. */
export const DATABASE_URL = 'DATABASE_URL'

/** The values of {@link signInFlags}. */
export interface SignInFlags extends Pick<SignInOptions, 'authentication' | 'tenantId' | 'clientId'> {
  scope?: string
}

/** Adds the flags that say how to sign in if the connection string does not. */
export function signInFlags(command: Command): Command {
  return command
    .option('--authentication <name>', 'how to sign in: ActiveDirectoryManagedIdentity, AzureCli, …')
    .option('--tenant-id <id>', 'the tenant to sign in to')
    .option('--client-id <id>', 'the application, or the user-assigned managed identity')
    .option('--scope <scope>', "the scope of the token (default: that of the server's cloud)")
}

/**
 * The connection string that you passed, or else the one in the environment. Warns if you passed a secret.
 *
 * @throws {@link EntraError} `CONFIG_INVALID` if there is none
 */
export function connectionStringOf(
  given: string | undefined,
  context: Pick<CliContext, 'environment' | 'err'>,
): string {
  const text = given ?? context.environment[DATABASE_URL]
  if (text !== undefined && text.trim() !== '') {
    if (given !== undefined && holdsSecret(text)) say(context, SECRET_IN_ARGUMENTS)
    return text
  }
  throw new EntraError(
    'CONFIG_INVALID',
    `There is no connection string. Pass one, or set ${DATABASE_URL}, for example ` +
      'sqlserver://myserver.database.windows.net;database=app',
  )
}

const SECRET_IN_ARGUMENTS =
  'The connection string on the command line holds a secret: other users of this machine can see it (ps), and your shell ' +
  `keeps it. Put the string into ${DATABASE_URL}.`

/** Parses a flag that takes one of some words. */
export function oneOf<Word extends string>(words: readonly Word[]): (value: string) => Word {
  return (value) => {
    const word = words.find((each) => each === value.toLowerCase())
    if (word === undefined) throw new InvalidArgumentError(`It must be one of ${words.join(', ')}.`)
    return word
  }
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
