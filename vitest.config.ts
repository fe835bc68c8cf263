import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defaultExclude, defineConfig } from 'vitest/config'

/** Tests that wait for something that takes long in reality, too. */
export const SLOW = 'test/slow/**'

/**
 * Files that each need a process of their own. One process runs the others one after the other, and loads the driver and
 * Prisma Client once; test/support/between-files.ts takes back what a file may leave behind.
 */
const ALONE = [
  // Their mocks of modules would stay.
  'test/cli/dev.test.ts',
  'test/credentials/methods.test.ts',
  'test/examples/nextjs.test.ts',
  // @azure/identity looks for PowerShell only once in the life of a process.
  'test/credentials/authority/command-line.test.ts',
]

/** What all tests have, the slow ones too. */
export const base = defineConfig({
  resolve: {
    // The examples import the package by its name, without a build; tsconfig.json has the same.
    alias: [
      { find: /^prisma-adapter-mssql-entra$/, replacement: fileURLToPath(new URL('./src/index.ts', import.meta.url)) },
      {
        find: /^prisma-adapter-mssql-entra\/opentelemetry$/,
        replacement: fileURLToPath(new URL('./src/opentelemetry/index.ts', import.meta.url)),
      },
      // Each example generates a client of its own; here all of them have the repository's.
      {
        find: /^\.\.?\/generated\/prisma\/client\.ts$/,
        replacement: fileURLToPath(new URL('./generated/prisma/client.ts', import.meta.url)),
      },
    ],
  },
  test: {
    globalSetup: ['test/shared-engine.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    restoreMocks: true,
    // No line on stderr for each wait of a test.
    env: { PRISMA_ENTRA_QUIET: '1' },
  },
})

const tests = ['test/**/*.test.ts']
// `npm run test:slow` runs these: vitest.slow.config.ts.
const exclude = [...defaultExclude, SLOW]

export default defineConfig({
  test: {
    projects: [
      {
        ...base,
        test: {
          ...base.test,
          name: 'shared',
          isolate: false,
          include: tests,
          exclude: [...exclude, ...ALONE],
          setupFiles: ['test/support/between-files.ts'],
        },
      },
      { ...base, test: { ...base.test, name: 'alone', include: ALONE, exclude } },
    ],
    // Most files wait for timers and sockets more than they compute.
    maxWorkers: availableParallelism() + 1,
  },
})
