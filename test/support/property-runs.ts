/** How often to try a property: this often in `npm run test:slow`, which tries them all again, a fifth of it in `npm test`. */
export function runs(count: number): { numRuns: number } {
  return { numRuns: process.env.ALL_RUNS ? count : Math.ceil(count / 5) }
}
