import type { SqlQuery } from '@prisma/driver-adapter-utils'
import type { ClientConnection } from '../../src/client/client-connection.ts'
import type { PoolEvent } from '../../src/events.ts'
import { Pool } from '../../src/pool/pool.ts'
import { defaultRotationTiming, type PoolSettings, poolSettings } from '../../src/pool/settings.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { type FakeConnection, FakeServer } from '../support/fake-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

/** A pool on a server and a credential in memory, on a virtual clock. Tokens live for an hour. */
export function setUp(
  settings: Partial<PoolSettings> = {},
  {
    lifetime = HOUR,
    random = 0.5,
    clock = new VirtualClock(),
    lookup = undefined as (() => Promise<string[]>) | undefined,
  } = {},
) {
  const server = new FakeServer(clock)
  const credential = new FakeCredential(clock, lifetime)
  const source = new TokenSource(credential, { scope: 's', clock, random: () => random })
  const events: PoolEvent[] = []
  const pool = new Pool<ClientConnection>(server.connect, {
    source,
    settings: { ...poolSettings({ server: 'h' }, defaultRotationTiming), ...settings },
    clock,
    random: () => random,
    emit: (event) => events.push(event),
    onWait: () => {},
    lookup,
    hasConnected: false,
  })
  return { clock, server, credential, source, pool, events }
}

/** The numbers of these connections. */
export const numbers = (connections: readonly ClientConnection[]) =>
  connections.map((connection) => (connection as FakeConnection).number)

/** Waits for a connection, while the clock moves by `ms`. */
export async function acquire(
  { pool, clock }: Pick<ReturnType<typeof setUp>, 'pool' | 'clock'>,
  ms = 0,
): Promise<FakeConnection> {
  const acquired = Promise.resolve(pool.acquire())
  await clock.advance(ms)
  return (await acquired) as FakeConnection
}

export const query = (sql: string): SqlQuery => ({ sql, args: [], argTypes: [] })
