import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface VerifyOptions {
  /** As `PrismaMssqlEntra` takes it. */
  url: string
  /** An empty database beside the main one, which Prisma may empty. */
  shadow: string | undefined
  /** How long to work on tokens after the rest, in hours; 0 leaves that out. */
  hours: number
  json: boolean
}

export const USAGE = `npm run verify:azure -- --url URL [options]

Tries everything on your own database on Azure SQL, Fabric, or SQL Server with Entra: each way in (adapter, proxy,
doctor; TDS 7 and strict), statements of 1 KB to 10 MB, bulk load, Prisma's commands, rotation. It takes some five
minutes, works in schemas of its own (verify_…, with a random suffix), and drops them at its end, also where it fails
or you press Ctrl-C. What is yours is neither read nor written. The report is Markdown, made to be pasted into an issue:
it holds no token and no password, and names of servers, tenants and people are shortened.

  --url URL       where to connect to, and how to sign in (default: the value of DATABASE_URL)
  --shadow NAME   an empty database on the same server, which Prisma will empty: for "migrate diff --from-migrations"
  --hours N       then go on working for as many hours, over the end of the token (2 for a token of an hour)
  --json          the report as JSON
  --help          this text

The identity must be allowed to create a schema and tables: db_owner, or db_ddladmin with db_datareader and
db_datawriter. Progress is on standard error, the report on standard output. Exit code 0 if nothing failed (what was
skipped is no failure), else 1; also where you interrupt it.`

/** A command line that is not right. */
export class UsageError extends Error {}

/**
 * Reads the command line; undefined where it asks for help.
 *
 * @throws {@link UsageError}
 */
export function readOptions(
  args: string[],
  environment: Readonly<Record<string, string | undefined>>,
): VerifyOptions | undefined {
  const values = valuesOf(args)
  if (values.help) return undefined
  const url = values.url ?? environment.DATABASE_URL
  if (url === undefined || url === '') throw new UsageError('--url is missing, and DATABASE_URL is not set.')
  const hours = Number(values.hours)
  if (!(hours >= 0 && hours <= 48))
    throw new UsageError(`--hours must be a number from 0 to 48, not "${values.hours}".`)
  if (values.shadow?.trim() === '') throw new UsageError('--shadow must be the name of a database.')
  return { url, shadow: values.shadow, hours, json: values.json }
}

function valuesOf(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        url: { type: 'string' },
        shadow: { type: 'string' },
        hours: { type: 'string', default: '0' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    return values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
