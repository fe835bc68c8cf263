import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { holdsSecret } from '../config/connection-string.ts'
import { EntraError } from '../errors/entra-error.ts'
import { DATABASE_URL, type SignInFlags, signInOptionsOf } from './flags.ts'
import { type Datasource, readPrismaConfig } from './prisma-config-file.ts'
import { type CliContext, say } from './process.ts'

/**
 * Where to connect to and how to sign in: by the string that you passed, or else by `entraDatasource` in
 * `prisma.config.ts`, or else by the string in the environment or in `.env`. Flags override what the file says. Warns if
 * you passed a secret.
 *
 * @throws {@link EntraError} `CONFIG_INVALID` if there is none
 */
export async function datasourceOf(
  argument: string | undefined,
  flags: SignInFlags,
  context: Pick<CliContext, 'environment' | 'err'>,
): Promise<Datasource> {
  const { url, config: file } = flags
  if ([argument, url, file].filter((each) => each !== undefined).length > 1) {
    throw new EntraError('CONFIG_INVALID', 'Pass only one of these: a connection string, --url, --config.')
  }
  readEnvFiles(context.environment)
  const given = argument ?? url
  if (given === undefined) {
    const found = await fromPrismaConfig(file, context)
    if (found !== undefined) return withFlags(found, flags)
  }
  const config = given ?? context.environment[DATABASE_URL]
  if (config === undefined || config.trim() === '') {
    throw new EntraError(
      'CONFIG_INVALID',
      `There is no connection string. Pass one, set ${DATABASE_URL}, or call entraDatasource in prisma.config.ts. For ` +
        'example: sqlserver://myserver.database.windows.net;database=app',
    )
  }
  if (given !== undefined && holdsSecret(given)) say(context, SECRET_IN_ARGUMENTS)
  return { config, options: signInOptionsOf(flags) }
}

const SECRET_IN_ARGUMENTS =
  'The connection string on the command line holds a secret: other users of this machine can see it (ps), and your shell ' +
  `keeps it. Put the string into ${DATABASE_URL}.`

/** A file that nobody named is not worth failing for, as long as there is a connection string. */
async function fromPrismaConfig(
  file: string | undefined,
  context: Pick<CliContext, 'environment' | 'err'>,
): Promise<Datasource | undefined> {
  try {
    return await readPrismaConfig(file)
  } catch (error) {
    if (file !== undefined || !context.environment[DATABASE_URL]) throw error
    say(context, `${(error as Error).message}\n${DATABASE_URL} is used instead.`)
    return undefined
  }
}

function withFlags({ config, options }: Datasource, flags: SignInFlags): Datasource {
  const { authentication, credential, tokenSource, ...others } = options
  return { config, options: { ...(flags.authentication ? others : options), ...signInOptionsOf(flags) } }
}

/**
 * Reads `.env`, and then `prisma/.env`, into the environment, as Prisma 6 and `dotenv/config` in `prisma.config.ts` do: what
 * is set already stays.
 */
function readEnvFiles(environment: NodeJS.ProcessEnv): void {
  for (const file of ['.env', 'prisma/.env']) {
    let text: string
    try {
      text = readFileSync(join(process.cwd(), file), 'utf8')
    } catch {
      continue
    }
    for (const [name, value] of Object.entries(parseEnv(text))) environment[name] ??= value
  }
}
