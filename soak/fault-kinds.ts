import type { FaultAction, Stage } from '../src/testing/index.ts'
import type { Dice } from '../test/simulation/random.ts'
import type { Disturbance } from './disturbance.ts'

/** Makes one of a kind. @param lasts - how long it will be on, in ms */
type Make = (dice: Dice, lasts: number) => Disturbance

const gateway = (at: Stage, action: FaultAction, times?: number): Disturbance => ({
  gateway: { at, action, ...(times !== undefined && { times }) },
})
const loginRefused =
  (number: number): Make =>
  () =>
    gateway('login', { refuse: { number } })

/** A fault that costs statements befalls a few of them, so that others go on beside. */
const few = (dice: Dice) => dice.integer(1, 4)

/** A hang of the credential's endpoint ends by itself: `ManagedIdentityCredential` never gives a request up. */
const hangThenDisconnect: Make = (_, lasts) => ({ authority: { delay: lasts, disconnect: true } })

/** Every way in which the local Azure can go wrong, by the name that the summary has for it. */
const KINDS = {
  'authority: 429': (dice) => ({ authority: { status: 429, retryAfter: dice.integer(1, 3) } }),
  'authority: 503': () => ({ authority: { status: 503 } }),
  'authority: hang': hangThenDisconnect,
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
  'request: 37396': (dice) => gateway('request', { refuse: { number: 37396, class: 20 } }, few(dice)),
  'request: slow': (dice) => gateway('request', { delay: dice.integer(50, 1_000) }),
  'request: hang': (dice) => gateway('request', { hang: true }, few(dice)),
  'request: drop': (dice) => gateway('request', { drop: true }, few(dice)),
  'response: slow': (dice) => gateway('response', { delay: dice.integer(50, 1_000) }),
  'response: hang': (dice) => gateway('response', { hang: true }, few(dice)),
  'response: drop': (dice) => gateway('response', { drop: true }, few(dice)),
  'sessions: cut': () => ({ sessions: 'cut' }),
} satisfies Record<string, Make>

export type FaultKind = keyof typeof KINDS

export const faultKinds = Object.keys(KINDS) as FaultKind[]

/** @param lasts - how long it will be on, in ms */
export function makeDisturbance(kind: FaultKind, dice: Dice, lasts: number): Disturbance {
  return KINDS[kind](dice, lasts)
}
