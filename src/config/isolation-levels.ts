import type { IsolationLevel } from '@prisma/driver-adapter-utils'

/** By Prisma's names, the numbers of MS-TDS 2.2.6.9 (TM_BEGIN_XACT), as `mssql` and `tedious` take them. */
export const ISOLATION_LEVELS: Readonly<Record<IsolationLevel, number>> = {
  'READ UNCOMMITTED': 1,
  'READ COMMITTED': 2,
  'REPEATABLE READ': 3,
  SERIALIZABLE: 4,
  SNAPSHOT: 5,
}

/** The name of a level; SQL Server's own default if the config says nothing. */
export function isolationLevelName(level: number | undefined): IsolationLevel {
  const found = Object.entries(ISOLATION_LEVELS).find(([, number]) => number === level)
  return (found?.[0] as IsolationLevel | undefined) ?? 'READ COMMITTED'
}
