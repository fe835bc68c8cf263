import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { type Command, InvalidArgumentError } from 'commander'
import { holdsSecret } from '../config/connection-string.ts'
import type { SignInOptions } from '../credentials/sign-in-options.ts'
import { EntraError } from '../errors/entra-error.ts'
import { type CliContext, say } from './process.ts'

/** The variable that all of Prisma reads the connection string from. */
export const DATABASE_URL = 'DATABASE_URL'

/** The values of {@link signInFlags}. */
export interface SignInFlags extends Pick<SignInOptions, 'tenantId' | 'clientId'> {
  url?: string
  authentication?: string[]
  scope?: string
}

/** Adds the flags that say where to connect to, and how to sign in if the connection string does not. */
export function signInFlags(command: Command): Command {
  return command
    .option('--url <string>', `where to connect to (default: ${DATABASE_URL}, of the environment or .env)`)
    .option(
      '--authentication <names>',
      'how to sign in: ActiveDirectoryManagedIdentity, AzureCli, …; several, by commas, in order of preference',
      (text: string, before: string[] = []) => [...before, ...text.split(',').map((name) => name.trim())],
    )
    .option('--tenant-id <id>', 'the tenant to sign in to')
    .option('--client-id <id>', 'the application, or the user-assigned managed identity')
    .option('--scope <scope>', "the scope of the token (default: that of the server's cloud)")
}

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

/** Whether an argument is a connection string, and not the name of a command. */
export function isConnectionString(argument: string): boolean {
  return /^\s*(jdbc:)?sqlserver:\/\/|^\s*(server|data source|address|addr)\s*=/i.test(argument)
}

/**
 * Reads `.env`, and then `prisma/.env`, into the environment, as Prisma 6 and `dotenv/config` in `prisma.config.ts` do: what
 * is set already stays.
 */
export function readEnvFiles(environment: NodeJS.ProcessEnv): void {
  for (const file of ['.env', join('prisma', '.env')]) {
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch {
      continue
    }
    for (const [name, value] of Object.entries(parseEnv(text))) environment[name] ??= value
  }
}

/**
 * The connection string that you passed, or else the one in the environment or in `.env`. Warns if you passed a secret.
 *
 * @throws {@link EntraError} `CONFIG_INVALID` if there is none
 */
export function connectionStringOf(
  argument: string | undefined,
  flags: Pick<SignInFlags, 'url'>,
  context: Pick<CliContext, 'environment' | 'err'>,
): string {
  if (argument !== undefined && flags.url !== undefined) {
    throw new EntraError('CONFIG_INVALID', 'Pass the connection string once: as an argument, or with --url.')
  }
  const given = argument ?? flags.url
  readEnvFiles(context.environment)
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
