import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type ConfigProxy, type ProxyUse, startConfigProxy } from '../config-proxy.ts'
import { EntraError } from '../errors/entra-error.ts'
import { datasourceOf } from './datasource.ts'
import { type SignInFlags, signInFlags } from './flags.ts'
import type { Datasource } from './prisma-config-file.ts'
import { type CliContext, say } from './process.ts'
import { sayWaits, type Waits } from './waiting.ts'

/** A loopback proxy that a command opened. */
export interface OpenProxy extends ConfigProxy {
  /** What the proxy was opened for. It may hold a secret. */
  datasource: Datasource
  /** The file that holds the certificate of the proxy's authority. */
  caFile: string | undefined
  /** To be told when the command itself begins to wait. */
  waits: Waits
}

/** The flags of the commands that open a proxy. */
export interface ProxyFlags extends SignInFlags {
  caFile?: string
  endAtExpiry?: boolean
}

export function proxyFlags(command: Command): Command {
  return signInFlags(command)
    .optionsGroup('The proxy:')
    .option('--ca-file <file>', 'write the certificate of its authority there, for clients that encrypt and verify')
    .option(
      '--end-at-expiry',
      'end a session when its token expires (by default, it continues for as long as the server lets it)',
    )
}

/**
 * Opens a loopback proxy. Writes warnings to stderr.
 *
 * @param isSigningIn - whether the command itself waits for a login
 * @throws EntraError if the string is wrong or the file cannot be written; the system's error if the port is taken
 */
export async function openProxy(
  url: string | undefined,
  flags: ProxyFlags,
  context: CliContext,
  use: Omit<ProxyUse, 'say' | 'onAdmitted'>,
  isSigningIn = () => false,
): Promise<OpenProxy> {
  const datasource = await datasourceOf(url, flags, context)
  const { config, options } = datasource
  const { endAtExpiry = options.endAtExpiry ?? false } = flags
  const opened = await startConfigProxy(
    config,
    { ...options, endAtExpiry },
    { ...use, say: (message) => say(context, message), onAdmitted: () => waits.look() },
  )
  const { proxy, setup, target } = opened
  const waits = sayWaits(context, () => {
    if (proxy.stats().signingIn === 0 && !isSigningIn()) return undefined
    return setup.tokenSource.stats().waiting > 0 ? 'a token' : `a login at ${target.host}`
  })
  const caFile = flags.caFile === undefined ? undefined : resolve(flags.caFile)
  try {
    if (caFile !== undefined) await writeFile(caFile, proxy.ca)
    return { ...opened, datasource, caFile, waits }
  } catch (cause) {
    await proxy.close()
    throw new EntraError('CONFIG_INVALID', `--ca-file cannot be written: ${(cause as Error).message}`, { cause })
  }
}
