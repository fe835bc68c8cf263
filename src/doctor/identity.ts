import type { Clock } from '../time/clock.ts'
import type { Row, Session } from './session.ts'
import type { Outcome } from './step.ts'

/** Who the database takes us for, and what time it is there. */
export interface Identity {
  /** What asked. */
  session: Session
  user: string
  /** The schema of a name that has none. */
  schema: string
  /** How far this machine's clock is ahead of the server's, in ms; to a second. */
  skewMs: number
}

const ROLES = ['db_owner', 'db_datareader', 'db_datawriter', 'db_ddladmin'] as const

/** The server's clock is read as seconds since then: small enough for an INT, and free of time zones. */
const BASE = Date.UTC(2020, 0, 1)

const IDENTITY = `SELECT SUSER_SNAME() AS [login], USER_NAME() AS [user], DB_NAME() AS [database],
  SCHEMA_NAME() AS [schema], CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)) AS [version],
  CAST(SERVERPROPERTY('Edition') AS NVARCHAR(128)) AS [edition],
  DATEDIFF(SECOND, '2020-01-01', SYSUTCDATETIME()) AS [seconds],
  ${ROLES.map((role) => `IS_ROLEMEMBER('${role}') AS [${role}]`).join(', ')}`

/** Asks the database who we are. */
export async function askWho(session: Session, clock: Clock): Promise<Outcome<Identity>> {
  const before = clock.now()
  const row = await session.row(IDENTITY)
  const skewMs = (before + clock.now()) / 2 - (BASE + Number(row.seconds) * 1000 + 500)
  const roles = ROLES.filter((role) => Number(row[role]) === 1)
  const user = textOf(row, 'user')
  return {
    value: { session, user, schema: textOf(row, 'schema'), skewMs },
    summary: `user ${user} in database ${textOf(row, 'database')}; roles: ${roles.join(', ') || 'none of the fixed ones'}`,
    details: {
      login: textOf(row, 'login'),
      user,
      database: textOf(row, 'database'),
      schema: textOf(row, 'schema'),
      roles,
      serverVersion: textOf(row, 'version'),
      edition: textOf(row, 'edition'),
    },
  }
}

function textOf(row: Row, name: string): string {
  return typeof row[name] === 'string' ? row[name].replace(/\p{Cc}/gu, ' ') : ''
}
