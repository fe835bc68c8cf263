import type { Fault, FaultAction, GatewayFault, Stage } from '../src/testing/index.ts'
import { Dice } from '../test/simulation/random.ts'

/** Something that goes wrong in the local Azure: a fault of its authority or gateway, or all sessions cut at once. */
export type Disturbance = { authority: Fault } | { gateway: GatewayFault } | { sessions: 'cut' }

/** @param lasts - how long it will be in effect, in ms */
type Make = (dice: Dice, lasts: number) => Disturbance

const gateway = (at: Stage, action: FaultAction): Disturbance => ({ gateway: { at, action } })
/** A fault that costs statements hits a few of them, so that the others go on. */
const some = (dice: Dice, at: Stage, action: FaultAction): Disturbance => ({
  gateway: { at, action, times: dice.integer(1, 4) },
})
const loginRefused =
  (number: number): Make =>
  () =>
    gateway('login', { refuse: { number } })

const KINDS = {
  'authority: 429': (dice) => ({ authority: { status: 429, retryAfter: dice.integer(1, 3) } }),
  'authority: 503': () => ({ authority: { status: 503 } }),
  // Ends by itself: `ManagedIdentityCredential` never gives up a request.
  'authority: hang': (_, lasts) => ({ authority: { delay: lasts, disconnect: true } }),
  'authority: disconnect': () => ({ authority: { disconnect: true } }),
  'authority: slow': (dice) => ({ authority: { delay: dice.integer(200, 3_000) } }),
  'authority: wrong audience': () => ({ authority: { wrongAudience: true } }),
  'authority: same token': () => ({ authority: { sameToken: true } }),
  'authority: short token': (dice) => ({ authority: { lifetime: dice.integer(3_000, 6_000) } }),
  'accept: drop': () => gateway('accept', { drop: true }),
  'prelogin: hang': () => gateway('prelogin', { hang: true }),
  'tls: drop': () => gateway('tls', { drop: true }),
  'login: 18456': loginRefused(18456),
  'login: 40613': loginRefused(40613),
  'login: 10928': loginRefused(10928),
  'login: 4060': loginRefused(4060),
  'login: slow': (dice) => gateway('login', { delay: dice.integer(200, 3_000) }),
  'login: hang': () => gateway('login', { hang: true }),
  'login: drop': () => gateway('login', { drop: true }),
  'request: 37396': (dice) => some(dice, 'request', { refuse: { number: 37396, class: 20 } }),
  'request: slow': (dice) => gateway('request', { delay: dice.integer(50, 1_000) }),
  'request: hang': (dice) => some(dice, 'request', { hang: true }),
  'request: drop': (dice) => some(dice, 'request', { drop: true }),
  'response: slow': (dice) => gateway('response', { delay: dice.integer(50, 1_000) }),
  'response: hang': (dice) => some(dice, 'response', { hang: true }),
  'response: drop': (dice) => some(dice, 'response', { drop: true }),
  'sessions: cut': () => ({ sessions: 'cut' }),
} satisfies Record<string, Make>

export type FaultKind = keyof typeof KINDS

export const faultKinds = Object.keys(KINDS) as FaultKind[]

/** Faults that begin and end together, after a time without any. Durations in ms. */
export interface FaultStep {
  calm: number
  lasts: number
  faults: { kind: FaultKind; disturbance: Disturbance }[]
}

/** How often the calm is long enough for a rotation or two that nothing disturbs. */
const LONG_CALM = 0.2
/** How often two faults come together. */
const PAIR = 0.15

/** What goes wrong, without end: the same for the same seed. Each kind comes once before any comes again. */
export function* faultPlan(seed: number): Generator<FaultStep, never> {
  const dice = new Dice(seed)
  let left: FaultKind[] = []
  for (;;) {
    const calm = dice.chance(LONG_CALM) ? dice.scaled(10_000, 20_000) : dice.scaled(300, 6_000)
    const lasts = dice.integer(500, 6_000)
    const faults: FaultStep['faults'] = []
    for (let count = dice.chance(PAIR) ? 2 : 1; count > 0; count--) {
      if (left.length === 0) left = [...faultKinds]
      for (const kind of left.splice(dice.integer(0, left.length - 1), 1)) {
        faults.push({ kind, disturbance: KINDS[kind](dice, lasts) })
      }
    }
    yield { calm, lasts, faults }
  }
}
