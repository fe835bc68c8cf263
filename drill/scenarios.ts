import { setTimeout as sleep } from 'node:timers/promises'
import type { AzureOrder, Place } from './azure-process.ts'

/** What a scenario can do to the server and its name. */
export interface Stage {
  azure(order: AzureOrder): Promise<unknown>
  /** Where the server's name leads from now on. */
  name(address: string): Promise<unknown>
  place: Place
}

export interface Scenario {
  name: string
  /** What happens. */
  what: string
  /** How long the server is away, in ms. */
  away: number
  /** Resolves when the server is there again. */
  run(stage: Stage): Promise<void>
}

const LOGINS_REFUSED = { inject: [{ at: 'login', action: { refuse: { number: 40613 } } }] } satisfies AzureOrder

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'move',
    what: 'sessions are cut, and logins refused (40613) for 6 s',
    away: 6_000,
    async run({ azure }) {
      await azure(LOGINS_REFUSED)
      await azure({ cut: true })
      await sleep(this.away)
      await azure({ clear: true })
    },
  },
  {
    name: 'role change',
    what: 'writes are refused (3906), and after 4 s the name leads to another address',
    away: 4_000,
    async run({ azure, name, place }) {
      await azure({ matching: 'INSERT INTO', number: 3906 })
      await sleep(this.away)
      await name(place.addresses[1])
    },
  },
  {
    name: 'scaling',
    what: 'running statements end with 40197, and logins are refused (40613) for 4 s',
    away: 4_000,
    async run({ azure }) {
      await azure({
        inject: [...LOGINS_REFUSED.inject, { at: 'request', action: { refuse: { number: 40197, class: 20 } } }],
      })
      await sleep(this.away)
      await azure({ clear: true })
    },
  },
  {
    name: 'gateway maintenance',
    what: 'sessions are reset, and connects refused for 5 s',
    away: 5_000,
    async run({ azure }) {
      await azure({ front: 'close' })
      await sleep(this.away)
      await azure({ front: 'open' })
    },
  },
]
