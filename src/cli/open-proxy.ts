import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import type { Target } from '../login/target.ts'
import { REFUSAL_REASONS } from '../proxy/admission.ts'
import type { ProxyEvent } from '../proxy/events.ts'
import { progressOf } from '../proxy/events.ts'
import { type LoopbackProxy, startProxy } from '../proxy/proxy.ts'
import { type LoginRequest, notPassedOn } from '../proxy/settings.ts'
import { setUpLogin } from '../setup.ts'
import { datasourceOf } from './datasource.ts'
import { type SignInFlags, signInFlags } from './flags.ts'
import type { Datasource } from './prisma-config-file.ts'
import { type CliContext, say } from './process.ts'
import { sayWaits } from './waiting.ts'

/** A loopback proxy that a command opened. */
export interface OpenProxy {
  proxy: LoopbackProxy
  target: Target
  /** What the proxy was opened for. It may hold a secret. */
  datasource: Datasource
  schema: string | undefined
  /** The file that holds the certificate of the proxy's authority. */
  caFile: string | undefined
}

/** The flags of the commands that open a proxy. */
export interface ProxyFlags extends SignInFlags {
  caFile?: string
  endAtExpiry?: boolean
}

/** What a command does with its proxy. */
interface ProxyUse {
  onEvent: (event: ProxyEvent) => void
  /** @defaultValue a free one */
  port?: number
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
      'end a session when its token expires (by default, it goes on as long as the server lets it)',
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
  { onEvent, port = 0, refuse, refuseStatement }: ProxyUse,
): Promise<OpenProxy> {
  const datasource = await datasourceOf(url, flags, context)
  const { config, options } = datasource
  const { mssql, target, schema, warnings, proxyOptions } = setUpLogin(config, options)
  for (const { message } of warnings) say(context, message)
  const lost = notPassedOn(mssql)
  if (lost !== undefined) say(context, lost)
  const proxy = await startProxy({
    ...proxyOptions,
    port,
    endAtExpiry: flags.endAtExpiry ?? options.endAtExpiry ?? false,
    timing: { ...proxyOptions.timing, ...options.timing },
    onEvent(event) {
      onEvent(event)
      options.onEvent?.(event)
    },
    refuse: (request) => refuse?.(request, target),
    refuseStatement: (sql) => refuseStatement?.(sql, target),
  })
  const { tokenSource } = proxyOptions
  sayWaits(context, () => {
    if (proxy.stats().signingIn === 0) return undefined
    return tokenSource.stats().waiting > 0 ? 'a token' : `a login at ${target.host}`
  })
  const caFile = flags.caFile === undefined ? undefined : resolve(flags.caFile)
  try {
    if (caFile !== undefined) await writeFile(caFile, proxy.ca)
    return { proxy, target, datasource, schema, caFile }
  } catch (cause) {
    await proxy.close()
    throw new EntraError('CONFIG_INVALID', `--ca-file cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** What you want to know about an event while a command waits; undefined if nothing. */
export function problemIn(event: ProxyEvent): string | undefined {
  switch (event.type) {
    case 'connect.retry':
      return progressOf(event)
    case 'proxy.login-failed':
      return event.error.message
    case 'proxy.login-refused':
      return `A client was refused: ${REFUSAL_REASONS[event.reason]}.`
    default:
      return undefined
  }
}
