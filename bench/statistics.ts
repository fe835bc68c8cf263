/** Of numbers that were measured. */
export interface Spread {
  median: number
  /** The first and the third quartile. */
  from: number
  to: number
}

/** @param values - at least one */
export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), from: quantile(values, 0.25), to: quantile(values, 0.75) }
}

/** Between two values by their weights. @param share - from 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]
  const above = sorted[Math.ceil(at)]
  if (below === undefined || above === undefined) throw new RangeError('There is nothing to take a quantile of.')
  return below + (above - below) * (at - Math.floor(at))
}
