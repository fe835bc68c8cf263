import { open, writeFile } from 'node:fs/promises'
import { geteuid, platform } from 'node:process'
import type { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import { randomPassword } from '../proxy/admission.ts'
import type { ProxyOptions } from '../proxy/settings.ts'

export interface LoginFlags {
  user?: string
  passwordFile?: string
}

/** Adds the flags for a login that outlives the proxy. */
export function loginFlags(command: Command): Command {
  return command
    .option('--user <name>', `the user of the proxy's login (default: ${DEFAULT_USER}); needs --password-file`)
    .option('--password-file <file>', "a file with the login's password, which is created if it does not exist")
}

const DEFAULT_USER = 'entra'

/** What each kind of connection string takes as it is. */
const PLAIN = /^[A-Za-z0-9_-]+$/

/** In characters. */
const SHORTEST_PASSWORD = 16

/**
 * The login that the flags name; undefined for a new one. Creates the file, with a random password, if there is none.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`, also if other users may read the file
 */
export async function loginOf({ user = DEFAULT_USER, passwordFile }: LoginFlags): Promise<ProxyOptions['login']> {
  if (passwordFile === undefined) {
    if (user !== DEFAULT_USER) throw invalid('--user needs --password-file, the file with its password.')
    return undefined
  }
  if (!PLAIN.test(user)) throw invalid('--user may have letters, digits, "_" and "-" only.')
  try {
    return { user, password: (await createPassword(passwordFile)) ?? (await readPassword(passwordFile)) }
  } catch (cause) {
    if (cause instanceof EntraError) throw cause
    throw invalid(`--password-file cannot be used: ${(cause as Error).message}`)
  }
}

/** Undefined if the file exists. */
async function createPassword(file: string): Promise<string | undefined> {
  const password = randomPassword()
  try {
    await writeFile(file, `${password}\n`, { flag: 'wx', mode: 0o600 })
    return password
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

async function readPassword(file: string): Promise<string> {
  await using handle = await open(file)
  const { mode, uid } = await handle.stat()
  // Windows has no modes: what a folder lets others read, they can read.
  if (platform !== 'win32' && ((mode & 0o077) !== 0 || uid !== geteuid?.())) {
    throw invalid(`${file} must be yours, and readable by you alone: chmod 600.`)
  }
  const password = (await handle.readFile('utf8')).trim()
  if (password.length < SHORTEST_PASSWORD || !PLAIN.test(password)) {
    throw invalid(
      `The password in ${file} must have at least ${SHORTEST_PASSWORD} letters, digits, "_" and "-", and nothing else. ` +
        'Delete the file to get a new one.',
    )
  }
  return password
}

function invalid(message: string): EntraError {
  return new EntraError('CONFIG_INVALID', message)
}
