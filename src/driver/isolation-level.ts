import type { IsolationLevel } from '@prisma/driver-adapter-utils'

/** By the numbers of MS-TDS 2.2.7.17 (TM_BEGIN_XACT), as `mssql` and `tedious` take them. */
const NAMES: Readonly<Record<number, IsolationLevel>> = {
  1: 'READ UNCOMMITTED',
  2: 'READ COMMITTED',
  3: 'REPEATABLE READ',
  4: 'SERIALIZABLE',
  5: 'SNAPSHOT',
}

/** SQL Server's own default where the config says nothing. */
export function isolationLevelName(level: number | undefined): IsolationLevel {
  return NAMES[level ?? 2] ?? 'READ COMMITTED'
}
