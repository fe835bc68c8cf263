import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors/entra-error.ts'
import { type Target, targetOf } from '../login/target.ts'
import { type Setup, type SetupOptions, setUp } from '../setup.ts'
import type { Outcome } from './step.ts'

/** What the connection string says, ready to use. */
export interface Prepared {
  setup: Setup
  target: Target
}

/**
 * Reads the connection string, or the config.
 *
 * @throws EntraError `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export function readConnection(config: MssqlConfig | string, options: SetupOptions): Outcome<Prepared> {
  const setup = setUp(config, options)
  const { server, options: driver } = setup.mssql
  if (server.includes('\\') || driver?.instanceName !== undefined) {
    throw new EntraError(
      'CONFIG_INVALID',
      'The port of a named instance is told by SQL Server Browser, which doctor does not ask. Give the port instead.',
    )
  }
  const target = targetOf(setup.mssql)
  const { host, port, database, encrypt } = target
  const warnings = setup.warnings.map(({ message }) => message)
  if (database === undefined) {
    warnings.push(
      'It names no database. Prisma Migrate wants one, and most users of Azure SQL have only one: database=…',
    )
  }
  return {
    value: { setup, target },
    summary: `${host}:${port}, ${database === undefined ? 'no database' : `database ${database}`}`,
    details: { server: host, port, database, encrypt, schema: setup.schema, audience: setup.audience },
    warnings,
  }
}
