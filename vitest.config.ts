import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defaultExclude, defineConfig } from 'vitest/config'

/** Tests that wait for what takes long in life. */
export const SLOW = 'test/slow/**'

/**
 * Files that leave their process as they found it: one process runs them one after the other, and loads the driver and
 * Prisma Client once. The others patch what all share, or use `ManagedIdentityCredential`, which keeps its endpoint and its
 * tokens for as long as the process lives.
 */
const SHARED = [
  'test/{client,config,demo,docs,driver,engine,login,pool,proxy,soak,tds,time,token}/**/*.test.ts',
  'test/testing/gateway/**/*.test.ts',
  'test/integration/{aggregates,connecting,disconnecting,errors,filters,isolation,nested-writing}.test.ts',
  'test/integration/{raw,reading,session-state,tls,transactions,types,writing}.test.ts',
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

export default defineConfig({
  test: {
    projects: [
      { ...base, test: { ...base.test, name: 'shared', isolate: false, include: SHARED } },
      {
        ...base,
        test: {
          ...base.test,
          name: 'alone',
          include: ['test/**/*.test.ts'],
          // `npm run test:slow` runs these: vitest.slow.config.ts.
          exclude: [...defaultExclude, SLOW, ...SHARED],
        },
      },
    ],
    // Most files wait for timers and sockets more than they compute.
    maxWorkers: availableParallelism() + 1,
  },
})
