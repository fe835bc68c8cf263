import { describe, expect, it } from 'vitest'
import { faultKinds } from '../../soak/fault-kinds.ts'
import { type FaultStep, faultPlan } from '../../soak/fault-plan.ts'

function steps(seed: number, count: number): FaultStep[] {
  const plan = faultPlan(seed)
  return Array.from({ length: count }, () => plan.next().value)
}

describe('the plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(steps(7, 200)).toEqual(steps(7, 200))
    expect(steps(7, 200)).not.toEqual(steps(8, 200))
  })

  it('has every kind before it has any again', () => {
    const kinds = steps(1, 200).flatMap(({ faults }) => faults.map(({ kind }) => kind))
    for (const round of [0, 1, 2]) {
      const once = kinds.slice(round * faultKinds.length, (round + 1) * faultKinds.length)
      expect(once.toSorted()).toEqual(faultKinds.toSorted())
    }
  })

  it('has faults of 0.5 to 6 s, alone and in pairs, with pauses between that are long enough for a rotation at times', () => {
    const many = steps(3, 500)
    const lengths = many.flatMap(({ faults }) => faults.map(({ lasts }) => lasts))
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(500)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(6_000)
    expect(new Set(many.map(({ faults }) => faults.length))).toEqual(new Set([1, 2]))
    expect(Math.min(...many.map(({ calm }) => calm))).toBeGreaterThanOrEqual(300)
    expect(many.filter(({ calm }) => calm >= 10_000).length).toBeGreaterThan(50)
  })

  it('can be sent to another process', () => {
    const plan = steps(5, 100)
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  })
})
