import { defineConfig } from 'vitest/config'
import { base, SLOW } from './vitest.config.ts'

/** They look at times, or at failures that a full machine causes. */
const ONE_AT_A_TIME = ['frozen', 'demo', 'soak', 'drill'].map((name) => `test/slow/${name}*.test.ts`)

/** They try more cases here: see test/support/property-runs.ts. */
const WITH_ALL_RUNS = [
  'test/{config,proxy}/properties.test.ts',
  'test/engine/{sql/parser,wire/requests}.test.ts',
  'test/simulation/simulation.test.ts',
]

const test = { ...base.test, testTimeout: 900_000 }

/** The tests that `npm test` leaves out: first those that may run beside each other, then the others. */
export default defineConfig({
  test: {
    projects: [
      {
        ...base,
        test: {
          ...test,
          name: 'slow',
          include: [`${SLOW}/*.test.ts`],
          exclude: ONE_AT_A_TIME,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...base,
        test: {
          ...test,
          name: 'all runs',
          include: WITH_ALL_RUNS,
          env: { ...test.env, ALL_RUNS: '1' },
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...base,
        test: {
          ...test,
          name: 'slow, one at a time',
          include: ONE_AT_A_TIME,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
