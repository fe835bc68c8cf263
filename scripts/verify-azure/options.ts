import { readValues, UsageError } from '../support/command-line.ts'

/** The command line. */
export interface VerifyOptions {
  /** As `PrismaMssqlEntra` accepts it. */
  url: string
  /** An empty database on the same server, which Prisma may clear. */
  shadow: string | undefined
  /** How long to work across the end of a token after the rest, in hours; 0 leaves that out. */
  hours: number
  json: boolean
}

export const USAGE = `npm run verify:azure -- --url URL [options]

Tries everything on your own database on Azure SQL, Fabric, or SQL Server with Entra: each way in (adapter, proxy,
doctor; TDS 7 and strict), statements of 1 KB to 10 MB, bulk load, Prisma's commands, rotation. It takes about five
minutes, works in its own schemas (verify_…, with a random suffix), and drops them at the end, also if it fails or you
press Ctrl-C. It neither reads nor writes your data. The report is Markdown, for you to paste into an issue: it contains
no token and no password, and names of servers, tenants and people are shortened.

  --url URL       where to connect to, and how to sign in (default: the value of DATABASE_URL)
  --shadow NAME   an empty database on the same server, which Prisma will clear: for "migrate diff --from-migrations"
  --hours N       then work for up to N hours, across the end of the token (2 for a token of an hour)
  --json          the report as JSON
  --help          this text

The identity must be allowed to create a schema and tables: db_owner, or db_ddladmin with db_datareader and
db_datawriter. Progress goes to standard error, the report to standard output. Exit code 0 if nothing failed (skipped
steps do not count), else 1; also if you interrupt it.`

/**
 * Reads the command line; undefined if it asks for help.
 *
 * @throws {@link UsageError}
 */
export function readOptions(
  args: string[],
  environment: Readonly<Record<string, string | undefined>>,
): VerifyOptions | undefined {
  const { help, json, shadow, ...values } = readValues(args, {
    url: { type: 'string' },
    shadow: { type: 'string' },
    hours: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (help) return undefined
  const url = values.url ?? environment.DATABASE_URL
  if (url === undefined || url === '') throw new UsageError('--url is missing, and DATABASE_URL is not set.')
  const hours = Number(values.hours)
  if (!(hours >= 0 && hours <= 48)) {
    throw new UsageError(`--hours must be a number from 0 to 48, not "${values.hours}".`)
  }
  if (shadow?.trim() === '') throw new UsageError('--shadow must be the name of a database.')
  return { url, shadow, hours, json }
}
