import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import type { Target } from '../login/target.ts'
import { clientSettingsOf } from '../proxy/client-settings.ts'
import { notPassedOn, type UrlFormat, type UrlOptions } from '../proxy/connection-strings.ts'
import { type ProxyEvent, progressOf } from '../proxy/events.ts'
import { type LoopbackProxy, startProxy } from '../proxy/proxy.ts'
import type { LoginRequest, ProxyOptions } from '../proxy/settings.ts'
import { type LoginSetup, setUpLogin } from '../setup.ts'
import { connectionStringOf, type SignInFlags, signInFlags, signInOptionsOf } from './flags.ts'
import { type CliContext, say } from './process.ts'
import { sayWaits, type Waits } from './waiting.ts'

/** A loopback proxy that a command opened. */
export interface OpenProxy {
  proxy: LoopbackProxy
  setup: LoginSetup
  /** What the proxy was opened for. It may hold a secret. */
  connectionString: string
  /** A connection string for its clients. */
  url(options: Pick<UrlOptions, 'format' | 'database'>): string
  /** The file that holds the certificate of the proxy's authority. */
  caFile: string | undefined
  /** To be told when somebody else begins to wait. */
  waits: Waits
}

/** The flags of the commands that open a proxy. */
export interface ProxyFlags extends SignInFlags {
  caFile?: string
}

/** Adds the flags of {@link ProxyFlags}. */
export function proxyFlags(command: Command): Command {
  return signInFlags(command).option(
    '--ca-file <file>',
    "write the proxy's CA certificate to a file, for clients that encrypt and verify",
  )
}

/** How a command opens a proxy. */
interface OpenOptions extends Pick<ProxyOptions, 'port' | 'login' | 'endAtExpiry' | 'onEvent'> {
  /** The kind of connection string that its clients get. */
  format?: UrlFormat
  refuse?: (request: LoginRequest, target: Target) => string | undefined
  /** Whether the command waits for a login itself. */
  isSigningIn?: () => boolean
}

/**
 * Opens a loopback proxy for a connection string. Writes warnings, and what a login waits for, to stderr.
 *
 * @throws EntraError if the string is wrong or the file cannot be written; the system's error if the port is taken
 */
export async function openProxy(
  url: string | undefined,
  flags: ProxyFlags,
  context: CliContext,
  { format, refuse, isSigningIn = () => false, ...options }: OpenOptions,
): Promise<OpenProxy> {
  const connectionString = connectionStringOf(url, flags, context)
  const setup = setUpLogin(connectionString, signInOptionsOf(flags))
  const { mssql, target, schema, warnings, proxyOptions, tokenSource } = setup
  const settings = clientSettingsOf(mssql)
  for (const { message } of warnings) say(context, message)
  const lost = notPassedOn(settings, format)
  if (lost !== undefined) say(context, lost)
  const proxy = await startProxy({
    ...proxyOptions,
    ...options,
    refuse(request) {
      const why = refuse?.(request, target)
      if (why === undefined) waits.look()
      return why
    },
  })
  const waits = sayWaits(context, () => {
    if (proxy.stats().signingIn === 0 && !isSigningIn()) return undefined
    return tokenSource.stats().waiting > 0 ? 'a token' : `a login at ${target.host}`
  })
  const caFile = flags.caFile === undefined ? undefined : resolve(flags.caFile)
  try {
    if (caFile !== undefined) await writeFile(caFile, proxy.ca)
    const urlFor: OpenProxy['url'] = (chosen) => proxy.url({ schema, settings, ...chosen })
    return { proxy, setup, connectionString, url: urlFor, caFile, waits }
  } catch (cause) {
    await proxy.close()
    throw new EntraError('CONFIG_INVALID', `--ca-file cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** What you want to know about an event while a command waits; undefined if nothing. */
export function problemIn(event: ProxyEvent): string | undefined {
  if (event.type === 'connect.retry') return progressOf(event)
  return event.type === 'proxy.login-failed' ? event.error.message : undefined
}
