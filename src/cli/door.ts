import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { EntraError } from '../errors/entra-error.ts'
import { type Target, targetOf } from '../login/target.ts'
import { type ProxyEvent, progressOf } from '../proxy/events.ts'
import { type LoopbackProxy, startProxy } from '../proxy/proxy.ts'
import type { ProxyOptions } from '../proxy/settings.ts'
import { setUp } from '../setup.ts'
import { connectionStringOf, type SignInFlags, signInFlags, signInOf } from './sign-in-flags.ts'
import { type Surroundings, say } from './surroundings.ts'

/** A loopback proxy that a command opened. */
export interface OpenDoor {
  proxy: LoopbackProxy
  target: Target
  /** Of the connection string. */
  schema: string | undefined
  /** Where the certificate of its authority was written to. */
  caFile: string | undefined
}

/** Flags of the commands that open a door. */
export interface DoorFlags extends SignInFlags {
  caFile?: string
}

/** Adds the flags of {@link DoorFlags}. */
export function doorFlags(command: Command): Command {
  return signInFlags(command).option(
    '--ca-file <file>',
    "write the certificate that signed the proxy's own to a file, for clients that encrypt and verify",
  )
}

/**
 * Opens a loopback proxy for a connection string. What it warns of is said on stderr.
 *
 * @throws EntraError for a string that cannot be right, or a file that cannot be written; the system's error where the
 * port is taken
 */
export async function openDoor(
  url: string | undefined,
  flags: DoorFlags,
  surroundings: Surroundings,
  options: Pick<ProxyOptions, 'port' | 'endAtExpiry' | 'onEvent'>,
): Promise<OpenDoor> {
  const { mssql, schema, tokenSource, audience, timing, warnings } = setUp(
    connectionStringOf(url, surroundings.environment),
    signInOf(flags),
  )
  for (const { message } of warnings) say(surroundings, message)
  const target = targetOf(mssql)
  const waits = { waitTimeout: timing.waitTimeout }
  const proxy = await startProxy({ target, tokenSource, audience, timing: waits, ...options })
  try {
    return { proxy, target, schema, caFile: await writeCa(proxy, flags.caFile) }
  } catch (error) {
    await proxy.close()
    throw error
  }
}

async function writeCa({ ca }: LoopbackProxy, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  const path = resolve(file)
  await writeFile(path, ca).catch((cause: Error) => {
    throw new EntraError('CONFIG_INVALID', `--ca-file cannot be written: ${cause.message}`, { cause })
  })
  return path
}

/** What a person wants to know of an event while a command is waiting; undefined where it is nothing. */
export function troubleIn(event: ProxyEvent): string | undefined {
  switch (event.type) {
    case 'connect.retry':
      return progressOf(event)
    case 'proxy.login-failed':
      return event.error.message
    case 'proxy.login-refused':
      return `A client was turned away: ${REFUSALS[event.reason]}.`
    default:
      return undefined
  }
}

const REFUSALS: Record<Extract<ProxyEvent, { type: 'proxy.login-refused' }>['reason'], string> = {
  unreadable: 'its login is not what MS-TDS says',
  credentials: 'not the user and password of this proxy',
  'other-user': 'a process of another user of this machine',
  'tds-version': 'it speaks a TDS older than 7.4',
  owner: 'not wanted',
}
