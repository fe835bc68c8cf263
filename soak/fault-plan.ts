import { Dice } from '../test/simulation/random.ts'
import type { Disturbance } from './disturbance.ts'
import { type FaultKind, faultKinds, makeDisturbance } from './fault-kinds.ts'

/** A fault that is to happen. */
export interface PlannedFault {
  kind: FaultKind
  disturbance: Disturbance
  /** How long it is on, in ms. */
  lasts: number
}

/** Faults that begin together, after a time without any. */
export interface FaultStep {
  /** In ms. */
  calm: number
  faults: PlannedFault[]
}

/** How often the calm is long enough for a rotation, or two, that nothing disturbs. */
const LONG_CALM = 0.2
/** How often two faults begin together. */
const PAIR = 0.15

/**
 * What goes wrong, without end: the same for the same seed. Kinds come in a random order, each once before any comes
 * again.
 */
export function* faultPlan(seed: number): Generator<FaultStep, never> {
  const dice = new Dice(seed)
  const kinds = shuffledForever(dice)
  for (;;) {
    const calm = dice.chance(LONG_CALM) ? dice.scaled(10_000, 20_000) : dice.scaled(300, 6_000)
    const count = dice.chance(PAIR) ? 2 : 1
    yield { calm, faults: Array.from({ length: count }, () => planned(kinds.next().value, dice)) }
  }
}

function planned(kind: FaultKind, dice: Dice): PlannedFault {
  const lasts = dice.integer(500, 6_000)
  return { kind, disturbance: makeDisturbance(kind, dice, lasts), lasts }
}

function* shuffledForever(dice: Dice): Generator<FaultKind, never> {
  for (;;) {
    const left = [...faultKinds]
    while (left.length > 0) yield* left.splice(dice.integer(0, left.length - 1), 1)
  }
}
