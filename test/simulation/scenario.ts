import type { IsolationLevel } from '@prisma/driver-adapter-utils'
import { hour, minute, second } from './clock.ts'
import { SeededRandom } from './random.ts'

/** Faults of the credential, with their weights. */
export const credentialFaults = { fails: 3, throttles: 3, hangs: 2, ignoresAbort: 1, null: 1, slow: 2 } as const

/** Faults of a database or the network to it, with their weights. */
export const databaseFaults = {
  down: 3,
  unreachable: 2,
  silent: 1,
  refuses: 2,
  unknown: 1,
  paused: 3,
  moving: 2,
  full: 2,
  slow: 2,
} as const

export type CredentialFault = keyof typeof credentialFaults
export type DatabaseFault = keyof typeof databaseFaults

/** An event. Times in ms; `at` is true time since the start of the scenario. */
export type ScenarioEvent = { at: number } & (
  | { type: 'query'; client: number; duration: number }
  | { type: 'burst'; client: number; count: number; duration: number }
  | { type: 'transaction'; client: number; statements: number; duration: number; pause: number; level: Level }
  | { type: 'connect' | 'disconnect' | 'warmUp'; client: number }
  | { type: 'credential'; fault: CredentialFault; duration: number }
  | { type: 'database'; database: number; fault: DatabaseFault; duration: number; cut: boolean }
  | { type: 'cut'; database: number; silent: boolean }
  | { type: 'kick'; database: number }
  | { type: 'freeze' | 'suspend'; duration: number }
  | { type: 'clock'; skew: number }
)

/** Of a transaction; empty for the session's own. */
export type Level = IsolationLevel | ''

/** What stays the same throughout a scenario. */
export interface Setting {
  clients: number
  /** How many databases the clients share. */
  databases: number
  /** Connections that a pool may have, and that stay open. */
  max: number
  min: number
  validation: 'after-idle' | 'always' | 'never'
  sessionsOutliveTokens: boolean
  maxAge: number | undefined
  /** Of tokens, in ms. */
  lifetime: number
  /** The credential gives the same token until this long before its end, in ms. */
  cacheMargin: number
  /** The credential says when to refresh: at half of the lifetime. */
  givesRefreshAfter: boolean
  /** The expiry is computed from the local clock (`expires_in`) and not the authority's own (`expires_on`). */
  relativeExpiry: boolean
  /** The server ends sessions whose token has expired. */
  endsExpiredSessions: boolean
  /** Delays of the network are multiplied by this. */
  latency: number
}

export interface Scenario {
  seed: number
  hours: number
  setting: Setting
  events: ScenarioEvent[]
}

/** The scenario of a seed. */
export function makeScenario(seed: number): Scenario {
  const random = new SeededRandom(seed, 1)
  const setting = makeSetting(random)
  const hours = setting.lifetime < 2 * minute ? 2 : setting.lifetime < 20 * minute ? 8 : 48
  const events: ScenarioEvent[] = []
  const episodes = Math.ceil(hours * (setting.lifetime < 20 * minute ? 2.5 : 0.6))
  for (let i = 0; i < episodes; i++) {
    const begin = random.between(0, hours * hour)
    const span = random.scaled(second, 20 * minute)
    const count = random.integer(1, 9)
    for (let j = 0; j < count; j++) {
      const at = begin + random.between(0, span)
      if (at < hours * hour) events.push({ at: Math.floor(at), ...makeEvent(random, setting) })
    }
  }
  events.sort((a, b) => a.at - b.at)
  return { seed, hours, setting, events }
}

function makeSetting(random: SeededRandom): Setting {
  const life = random.pick({ hour: 7, day: 1, minutes: 2, seconds: 0.5 })
  const lifetime = {
    hour: () => random.between(60, 90) * minute,
    day: () => 24 * hour,
    minutes: () => random.scaled(2 * minute, 20 * minute),
    seconds: () => random.scaled(8 * second, 2 * minute),
  }[life]()
  const cache = random.pick({ none: 3, margin: 4, half: 2 })
  const clients = random.chance(0.6) ? 1 : random.integer(2, 4)
  const max = random.chance(0.4) ? random.integer(1, 3) : random.integer(2, 10)
  return {
    clients,
    databases: random.integer(1, clients),
    max,
    min: random.chance(0.5) ? 0 : random.integer(1, Math.min(max, 4)),
    validation: random.pick({ 'after-idle': 8, always: 1, never: 1 }),
    sessionsOutliveTokens: random.chance(0.15),
    maxAge: random.chance(0.2) ? random.scaled(2 * minute, 10 * hour) : undefined,
    lifetime: Math.floor(lifetime),
    cacheMargin: cache === 'none' ? lifetime : cache === 'margin' ? 5 * minute : lifetime / 2,
    givesRefreshAfter: cache === 'half',
    relativeExpiry: random.chance(0.5),
    endsExpiredSessions: random.chance(0.5),
    latency: random.chance(0.8) ? 1 : random.between(1, 10),
  }
}

type Unplaced<T> = T extends unknown ? Omit<T, 'at'> : never

function makeEvent(random: SeededRandom, { clients, databases, lifetime }: Setting): Unplaced<ScenarioEvent> {
  const client = random.integer(0, clients - 1)
  const database = random.integer(0, databases - 1)
  const type = random.pick({
    query: 40,
    burst: 10,
    transaction: 18,
    connect: 2,
    disconnect: 3,
    warmUp: 1,
    credential: 9,
    database: 9,
    cut: 4,
    kick: 3,
    freeze: 3,
    suspend: 3,
    clock: 1,
  })
  const stop = () => (random.chance(0.7) ? random.scaled(second, hour) : random.scaled(hour, 12 * hour))
  switch (type) {
    case 'query':
      return {
        type,
        client,
        duration: random.chance(0.9) ? random.scaled(1, 5 * second) : random.scaled(second, lifetime),
      }
    case 'burst':
      return { type, client, count: random.integer(2, 40), duration: random.scaled(1, 2 * second) }
    case 'transaction':
      return {
        type,
        client,
        statements: random.integer(0, 6),
        duration: random.scaled(1, 10 * second),
        pause: random.chance(0.7) ? random.scaled(1, 10 * second) : random.scaled(10 * second, lifetime / 8),
        level: random.pick({ '': 3, SERIALIZABLE: 2, SNAPSHOT: 1 }),
      }
    case 'connect':
    case 'disconnect':
    case 'warmUp':
      return { type, client }
    case 'credential':
      return { type, fault: random.pick(credentialFaults), duration: random.scaled(second, lifetime) }
    case 'database': {
      const fault = random.pick(databaseFaults)
      return { type, database, fault, duration: random.scaled(second, lifetime), cut: random.chance(0.3) }
    }
    case 'cut':
      return { type, database, silent: random.chance(0.5) }
    case 'kick':
      return { type, database }
    case 'freeze':
    case 'suspend':
      return { type, duration: stop() }
    case 'clock':
      return { type, skew: random.chance(0.3) ? 0 : (random.chance(0.5) ? 1 : -1) * random.scaled(second, 5 * hour) }
  }
}
