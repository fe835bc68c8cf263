import type { Generation } from './rotation/generation.ts'
import type { Rotation } from './rotation/rotation.ts'
import type { TokenSourceStats } from './token/token-source.ts'

/** One generation, as a health endpoint would show it. */
export interface GenerationStats {
  id: number
  /** How long it has been open, in ms. */
  ageMs: number
  /** When the token of its connections expires, in ms since the epoch. */
  tokenExpiresOn: number
  /** Seconds left on that token; below 0 when it has expired. */
  tokenSecondsLeft: number
  /** Connections open, those that are logging in included. */
  connections: number
  /** Queries and transactions at work. */
  inFlight: number
}

/** What `adapter.stats()` gives. Numbers only: nothing here is secret. */
export interface AdapterStats extends TokenSourceStats {
  /** Rotations finished. */
  rotations: number
  /** The generation that takes new work; undefined while no client is connected. */
  generation: GenerationStats | undefined
  /** Generations that take no new work and still have connections, oldest first. */
  draining: GenerationStats[]
  /** Connections open, over all generations. */
  connectionsOpen: number
  /** Queries and transactions at work, over all generations. */
  inFlight: number
  /** Queries and transactions that wait for a free connection. */
  waiting: number
}

/** Adds up what the rotations of an adapter's connected clients are doing; `generation` is the last connected one's. */
export function statsOf(
  token: TokenSourceStats,
  rotations: readonly Rotation[],
  finishedBefore: number,
  now: number,
): AdapterStats {
  const current = rotations.flatMap(({ current }) => (current ? [generationStats(current, now)] : []))
  const draining = rotations.flatMap((rotation) => rotation.draining.map((old) => generationStats(old, now)))
  const all = [...current, ...draining]
  return {
    ...token,
    rotations: rotations.reduce((sum, rotation) => sum + rotation.rotations, finishedBefore),
    generation: current.at(-1),
    draining,
    connectionsOpen: all.reduce((sum, { connections }) => sum + connections, 0),
    inFlight: all.reduce((sum, { inFlight }) => sum + inFlight, 0),
    waiting: rotations.reduce((sum, { waiting }) => sum + waiting, 0),
  }
}

function generationStats(generation: Generation, now: number): GenerationStats {
  const { expiresOn } = generation.lease
  return {
    id: generation.id,
    ageMs: now - generation.openedAt,
    tokenExpiresOn: expiresOn,
    tokenSecondsLeft: Math.round((expiresOn - now) / 1000),
    connections: generation.pool.connectionCount(),
    inFlight: generation.inFlight,
  }
}
