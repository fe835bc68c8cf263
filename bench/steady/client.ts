// One contestant in a process of its own: runs queries for as long as it is told, and says what they took.
import { serveParent } from '../child.ts'
import { CONTESTANTS, type Contestant } from './contestants.ts'
import type { Place } from './server-process.ts'

export interface Load {
  /** Loops of which each runs one query after the other. */
  workers: number
  /** In ms. */
  duration: number
}

export interface Yield {
  queriesPerSecond: number
  /** The processor's time for one query, in µs. */
  cpu: number
}

/** In queries. */
const WARM_UP = 4_000

async function run(query: () => Promise<unknown>, { workers, duration }: Load): Promise<Yield> {
  const before = process.cpuUsage()
  const begun = performance.now()
  const until = begun + duration
  let queries = 0
  const work = async () => {
    while (performance.now() < until) {
      await query()
      queries++
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  const took = performance.now() - begun
  const { user, system } = process.cpuUsage(before)
  return { queriesPerSecond: (queries / took) * 1000, cpu: (user + system) / queries }
}

const [contestant, place] = process.argv.slice(2) as [Contestant, string]
process.once('disconnect', () => process.exit())
const query = await CONTESTANTS[contestant](JSON.parse(place) as Place)
// Until V8 has made machine code of it.
for (let i = 0; i < WARM_UP; i += 8) await Promise.all(Array.from({ length: 8 }, query))
serveParent('ready', (load: Load) => run(query, load))
