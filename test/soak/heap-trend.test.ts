import { describe, expect, it } from 'vitest'
import { HeapTrend, SHORTEST_FOR_HEAP } from '../../soak/heap-trend.ts'

const MINUTES = 60_000
const MB = 1_000_000

/** A run of 20 min with these samples. */
function trendOf(heapAt: (elapsed: number) => number, length = 20 * MINUTES): HeapTrend {
  const trend = new HeapTrend(length)
  for (let elapsed = 0; elapsed <= length; elapsed += trend.interval) trend.add(elapsed, heapAt(elapsed))
  return trend
}

function grew(trend: HeapTrend, tokenRequests = 0): boolean | undefined {
  const growth = trend.growth(tokenRequests)
  return growth && growth.last > growth.first + growth.tolerance
}

describe('the heap', () => {
  it('has grown where it grows all the time', () => {
    expect(grew(trendOf((elapsed) => 50 * MB + (elapsed / MINUTES) * 0.2 * MB))).toBe(true)
  })

  it('has not grown where it goes up and down, or stays', () => {
    expect(grew(trendOf(() => 50 * MB))).toBe(false)
    expect(grew(trendOf((elapsed) => (50 + 5 * Math.sin(elapsed)) * MB))).toBe(false)
  })

  it('may grow as long as it is warming up', () => {
    expect(grew(trendOf((elapsed) => (elapsed < 3 * MINUTES ? 30 : 50) * MB))).toBe(false)
  })

  it('has not grown for a few samples that are high', () => {
    expect(grew(trendOf((elapsed) => (Math.round(elapsed / 1000) % 50 < 15 ? 80 : 50) * MB))).toBe(false)
  })

  it('may grow by what the credential keeps of each request', () => {
    const trend = trendOf((elapsed) => 50 * MB + (elapsed / MINUTES) * 0.2 * MB)
    expect(grew(trend, 2_000)).toBe(false)
  })

  it('is not judged by a short run, nor by one that ended early', () => {
    expect(grew(trendOf(() => MB, SHORTEST_FOR_HEAP - 1))).toBeUndefined()
    expect(grew(trendOf(() => MB, SHORTEST_FOR_HEAP))).toBe(false)
    const trend = new HeapTrend(20 * MINUTES)
    for (let elapsed = 0; elapsed < 10 * MINUTES; elapsed += trend.interval) trend.add(elapsed, MB)
    expect(grew(trend)).toBeUndefined()
  })
})
