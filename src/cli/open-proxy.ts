import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import type { Target } from '../login/target.ts'
import { clientSettingsOf, notPassedOn, type UrlFormat, type UrlOptions } from '../proxy/connection-strings.ts'
import { type ProxyEvent, progressOf } from '../proxy/events.ts'
import { type LoopbackProxy, startProxy } from '../proxy/proxy.ts'
import type { LoginRequest, ProxyOptions } from '../proxy/settings.ts'
import { type LoginSetup, setUpLogin } from '../setup.ts'
import { datasourceOf } from './datasource.ts'
import { type SignInFlags, signInFlags } from './flags.ts'
import type { Datasource } from './prisma-config-file.ts'
import { type CliContext, say } from './process.ts'
import { sayWaits, type Waits } from './waiting.ts'

/** A loopback proxy that a command opened. */
export interface OpenProxy {
  proxy: LoopbackProxy
  setup: LoginSetup
  /** What the proxy was opened for. It may hold a secret. */
  datasource: Datasource
  /** A connection string for its clients. */
  url(options: Pick<UrlOptions, 'format' | 'database'>): string
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

/** What a command does with its proxy. */
interface ProxyUse extends Pick<ProxyOptions, 'login'> {
  onEvent: (event: ProxyEvent) => void
  /** @defaultValue a free one */
  port?: number
  /** The kind of connection string that its clients get. @defaultValue 'prisma' */
  format?: UrlFormat
  /** Whether the command itself waits for a login. */
  isSigningIn?: () => boolean
  /** Why a client's database, or a statement by its beginning, is refused. */
  refuse?: (request: LoginRequest, target: Target) => string | undefined
  refuseStatement?: (sql: string, target: Target) => string | undefined
}

/** Adds the flags of {@link ProxyFlags}. */
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
 * @throws EntraError if the string is wrong or the file cannot be written; the system's error if the port is taken
 */
export async function openProxy(
  url: string | undefined,
  flags: ProxyFlags,
  context: CliContext,
  { onEvent, port = 0, login, format, isSigningIn = () => false, refuse, refuseStatement }: ProxyUse,
): Promise<OpenProxy> {
  const datasource = await datasourceOf(url, flags, context)
  const { config, options } = datasource
  const setup = setUpLogin(config, options)
  const { mssql, target, warnings, proxyOptions, tokenSource } = setup
  const settings = clientSettingsOf(mssql)
  for (const { message } of warnings) say(context, message)
  const lost = notPassedOn(settings, format)
  if (lost !== undefined) say(context, lost)
  const proxy = await startProxy({
    ...proxyOptions,
    port,
    ...(login !== undefined && { login }),
    endAtExpiry: flags.endAtExpiry ?? options.endAtExpiry ?? false,
    timing: { ...proxyOptions.timing, ...options.timing },
    onEvent(event) {
      onEvent(event)
      options.onEvent?.(event)
    },
    refuse(request) {
      const why = refuse?.(request, target)
      if (why === undefined) waits.look()
      return why
    },
    refuseStatement: (sql) => refuseStatement?.(sql, target),
  })
  const waits = sayWaits(context, () => {
    if (proxy.stats().signingIn === 0 && !isSigningIn()) return undefined
    return tokenSource.stats().waiting > 0 ? 'a token' : `a login at ${target.host}`
  })
  const caFile = flags.caFile === undefined ? undefined : resolve(flags.caFile)
  try {
    if (caFile !== undefined) await writeFile(caFile, proxy.ca)
    const urlFor: OpenProxy['url'] = (chosen) => proxy.url({ schema: setup.schema, settings, ...chosen })
    return { proxy, setup, datasource, url: urlFor, caFile, waits }
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
