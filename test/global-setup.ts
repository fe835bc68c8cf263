import { startPreparedPostgres } from './engine/engine.ts'
import { lendPostgres } from './engine/shared-postgres.ts'

/** One PostgreSQL for all test files that need a database; vitest calls what this returns at the end of the run. */
export default () => lendPostgres(startPreparedPostgres)
