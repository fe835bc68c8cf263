import { mergeConfig } from 'vitest/config'
import base, { SLOW } from './vitest.config.ts'

/** The tests that `npm test` leaves out: one file after the other, since each looks at times or fills the machine. */
const slow = mergeConfig(base, { test: { fileParallelism: false, testTimeout: 900_000, hookTimeout: 240_000 } })

// Merged lists are joined: these are to be replaced.
export default { ...slow, test: { ...slow.test, include: [`${SLOW}/*.test.ts`], exclude: [] } }
