import type { ProxyEvent } from '../proxy/events.ts'
import { progressOf } from '../proxy/progress.ts'
import { type LoopbackProxy, type ProxyOptions, startProxy } from '../proxy/proxy.ts'
import { type Target, targetOf } from '../proxy/target.ts'
import { setUp } from '../setup.ts'
import { connectionStringOf, type SignInFlags, signInOf } from './sign-in-flags.ts'
import { type Surroundings, say } from './surroundings.ts'

/** A loopback proxy that a command opened. */
export interface OpenDoor {
  proxy: LoopbackProxy
  target: Target
  /** Of the connection string. */
  schema: string | undefined
}

/**
 * Opens a loopback proxy for a connection string. What it warns of is said on stderr.
 *
 * @throws EntraError for a string that cannot be right; the system's error where the port is taken
 */
export async function openDoor(
  url: string | undefined,
  flags: SignInFlags,
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
  return { proxy: await startProxy({ target, tokenSource, audience, timing: waits, ...options }), target, schema }
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
  credentials: 'not the user and password of this door',
  'other-user': 'a process of another user of this machine',
  'tds-version': 'it speaks a TDS older than 7.4',
  owner: 'not wanted',
}
