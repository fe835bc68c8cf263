/**
 * What the main export may weigh by itself, minified, without its dependencies; in bytes. Whoever makes it heavier by
 * more than {@link TOLERANCE} changes the number, and says why in the commit.
 */
export const BUDGET = { minified: 138_000, gzipped: 49_500 }

/** As a share of the budget. */
export const TOLERANCE = 0.05

/** What is over the budget, in words. */
export function overBudget(size: typeof BUDGET): string[] {
  return (['minified', 'gzipped'] as const)
    .filter((name) => size[name] > BUDGET[name] * (1 + TOLERANCE))
    .map((name) => `${size[name]} bytes ${name}, where scripts/package/budget.ts has ${BUDGET[name]}`)
}
