import type { Fault, FaultAction, GatewayFault, Stage } from '../src/testing/index.ts'
import { SeededRandom } from '../test/simulation/random.ts'

/** A fault of the local Azure: of its authority or gateway, or all sessions cut at once. */
export type SoakFault = { authority: Fault } | { gateway: GatewayFault } | { sessions: 'cut' }

const gateway = (at: Stage, action: FaultAction) => (): SoakFault => ({ gateway: { at, action } })
const slow = (at: Stage, most: number) => (random: SeededRandom) => gateway(at, { delay: random.integer(50, most) })()
/** A fault that costs statements hits only a few of them. */
const some =
  (at: Stage, action: FaultAction) =>
  (random: SeededRandom): SoakFault => ({
    gateway: { at, action, times: random.integer(1, 4) },
  })

const KINDS = {
  'authority: 429': (random) => ({ authority: { status: 429, retryAfter: random.integer(1, 3) } }),
  'authority: 503': () => ({ authority: { status: 503 } }),
  // Ends by itself: `ManagedIdentityCredential` never gives up on a request.
  'authority: hang': (_, lasts) => ({ authority: { delay: lasts, disconnect: true } }),
  'authority: disconnect': () => ({ authority: { disconnect: true } }),
  'authority: slow': (random) => ({ authority: { delay: random.integer(200, 3_000) } }),
  'authority: wrong audience': () => ({ authority: { wrongAudience: true } }),
  'authority: same token': () => ({ authority: { sameToken: true } }),
  'authority: short token': (random) => ({ authority: { lifetime: random.integer(3_000, 6_000) } }),
  'accept: drop': gateway('accept', { drop: true }),
  'prelogin: hang': gateway('prelogin', { hang: true }),
  'tls: drop': gateway('tls', { drop: true }),
  'login: 18456': gateway('login', { refuse: { number: 18456 } }),
  'login: 40613': gateway('login', { refuse: { number: 40613 } }),
  'login: 10928': gateway('login', { refuse: { number: 10928 } }),
  'login: 4060': gateway('login', { refuse: { number: 4060 } }),
  'login: slow': slow('login', 3_000),
  'login: hang': gateway('login', { hang: true }),
  'login: drop': gateway('login', { drop: true }),
  'request: 37396': some('request', { refuse: { number: 37396, class: 20 } }),
  'request: slow': slow('request', 1_000),
  'request: hang': some('request', { hang: true }),
  'request: drop': some('request', { drop: true }),
  'response: slow': slow('response', 1_000),
  'response: hang': some('response', { hang: true }),
  'response: drop': some('response', { drop: true }),
  'sessions: cut': () => ({ sessions: 'cut' }),
} satisfies Record<string, (random: SeededRandom, lasts: number) => SoakFault>

export type FaultKind = keyof typeof KINDS

export const faultKinds = Object.keys(KINDS) as FaultKind[]

/** Faults that begin and end together, after a time without any. Durations in ms. */
export interface FaultStep {
  calm: number
  lasts: number
  faults: { kind: FaultKind; fault: SoakFault }[]
}

/** Endless faults, the same for the same seed. Each kind comes once before any comes again. */
export function* faultPlan(seed: number): Generator<FaultStep, never> {
  const random = new SeededRandom(seed)
  let left: FaultKind[] = []
  for (;;) {
    // A long calm lets a rotation or two go undisturbed.
    const calm = random.chance(0.2) ? random.scaled(10_000, 20_000) : random.scaled(300, 6_000)
    const lasts = random.integer(500, 6_000)
    const faults: FaultStep['faults'] = []
    for (let count = random.chance(0.15) ? 2 : 1; count > 0; count--) {
      if (left.length === 0) left = [...faultKinds]
      for (const kind of left.splice(random.integer(0, left.length - 1), 1)) {
        faults.push({ kind, fault: KINDS[kind](random, lasts) })
      }
    }
    yield { calm, lasts, faults }
  }
}
