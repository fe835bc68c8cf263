import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import type { Target } from '../login/target.ts'
import { REFUSAL_REASONS } from '../proxy/admission.ts'
import type { ProxyEvent } from '../proxy/events.ts'
import { progressOf } from '../proxy/events.ts'
import { type LoopbackProxy, startProxy } from '../proxy/proxy.ts'
import { type LoginRequest, notPassedOn, type ProxyOptions } from '../proxy/settings.ts'
import { setUpLogin } from '../setup.ts'
import { connectionStringOf, type SignInFlags, signInFlags, signInOptionsOf } from './flags.ts'
import { type CliContext, say } from './process.ts'
import { sayWaits } from './waiting.ts'

/** A loopback proxy that a command opened. */
export interface OpenProxy {
  proxy: LoopbackProxy
  target: Target
  /** What the proxy was opened for. It may hold a secret. */
  connectionString: string
  /** From the connection string. */
  schema: string | undefined
  /** The file that holds the certificate of the proxy's authority. */
  caFile: string | undefined
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

/**
 * Opens a loopback proxy for a connection string. Writes warnings to stderr.
 *
 * @throws EntraError if the string is wrong or the file cannot be written; the system's error if the port is taken
 */
export async function openProxy(
  url: string | undefined,
  flags: ProxyFlags,
  context: CliContext,
  {
    refuse,
    ...options
  }: Pick<ProxyOptions, 'port' | 'endAtExpiry' | 'onEvent'> & {
    refuse?: (request: LoginRequest, target: Target) => string | undefined
  },
): Promise<OpenProxy> {
  const connectionString = connectionStringOf(url, flags, context)
  const { mssql, target, schema, warnings, proxyOptions } = setUpLogin(connectionString, signInOptionsOf(flags))
  for (const { message } of warnings) say(context, message)
  const lost = notPassedOn(mssql)
  if (lost !== undefined) say(context, lost)
  const proxy = await startProxy({
    ...proxyOptions,
    ...options,
    ...(refuse !== undefined && { refuse: (request) => refuse(request, target) }),
  })
  const { tokenSource } = proxyOptions
  sayWaits(context, () => {
    if (proxy.stats().signingIn === 0) return undefined
    return tokenSource.stats().waiting > 0 ? 'a token' : `a login at ${target.host}`
  })
  const caFile = flags.caFile === undefined ? undefined : resolve(flags.caFile)
  try {
    if (caFile !== undefined) await writeFile(caFile, proxy.ca)
    return { proxy, target, connectionString, schema, caFile }
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
