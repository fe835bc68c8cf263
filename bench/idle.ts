/**
 * What an idle hour costs the server and the authority: a paused database stays paused. The pool is the real one; time,
 * connections and credential are in memory.
 *
 *     npm run bench:idle
 */
import { acquire, HOUR, MINUTE, setUp } from '../test/pool/support.ts'
import { markdownTable } from './markdown.ts'

interface Situation {
  title: string
  /** Queries at once, before the hour. */
  queries: number
  /** Idle connections that stay open. */
  min: number
  tokenLifetime: number
}

const SITUATIONS: readonly Situation[] = [
  { title: 'after one query', queries: 1, min: 0, tokenLifetime: HOUR },
  { title: 'after ten at once', queries: 10, min: 0, tokenLifetime: HOUR },
  { title: 'after ten at once, tokens of 5 min', queries: 10, min: 0, tokenLifetime: 5 * MINUTE },
  { title: 'after ten at once, tokens of 5 min, `pool.min: 2`', queries: 10, min: 2, tokenLifetime: 5 * MINUTE },
]

async function idleHour({ title, queries, min, tokenLifetime }: Situation): Promise<string[]> {
  const { pool, clock, server, credential } = setUp({ min }, { lifetime: tokenLifetime })
  const it = { pool, clock }
  const lent = await Promise.all(Array.from({ length: queries }, () => acquire(it)))
  for (const connection of lent) pool.release(connection)
  // From here on nobody works: connections may be closed, and nothing else.
  const before = { logins: server.logins, requests: credential.requests }
  await clock.advance(HOUR)
  const idle = [server.logins - before.logins, credential.requests - before.requests, server.open.size, clock.timers]
  pool.release(await acquire(it))
  const next = [server.logins - before.logins, credential.requests - before.requests]
  await pool.close()
  return [title, ...idle.map(String), ...next.map((count, i) => String(count - (idle[i] ?? 0)))]
}

const head = ['an idle hour', 'logins', 'token requests', 'connections at its end', 'timers at its end']
const rows: string[][] = []
for (const situation of SITUATIONS) rows.push(await idleHour(situation))
console.log(markdownTable([...head, 'logins for the next query', 'token requests for it'], rows))
