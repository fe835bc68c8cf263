import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defaultExclude, defineConfig } from 'vitest/config'

/** Tests that wait for what takes long in life. */
export const SLOW = 'test/slow/**'

export default defineConfig({
  resolve: {
    // The examples import the package by its name, without a build; tsconfig.json has the same.
    alias: [
      { find: /^prisma-adapter-mssql-entra$/, replacement: fileURLToPath(new URL('./src/index.ts', import.meta.url)) },
      {
        find: /^prisma-adapter-mssql-entra\/opentelemetry$/,
        replacement: fileURLToPath(new URL('./src/opentelemetry/index.ts', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/shared-engine.ts'],
    // `npm run test:slow` runs these: vitest.slow.config.ts.
    exclude: [...defaultExclude, SLOW],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    restoreMocks: true,
    // No line on stderr for each wait of a test.
    env: { PRISMA_ENTRA_QUIET: '1' },
    // Most files wait for timers and sockets more than they compute.
    maxWorkers: Math.max(2, availableParallelism()),
  },
})
