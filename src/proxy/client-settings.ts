import type { config as MssqlConfig } from 'mssql'
import { isolationLevelName } from '../config/isolation-levels.ts'

/** What a config says that each client of a proxy sets for itself, by the name of its parameter. */
export interface ClientSettings {
  /** In ms. */
  socketTimeout?: number
  connectionLimit?: number
  /** In ms. */
  poolTimeout?: number
  isolationLevel?: string
  packetSize?: number
  workstationID?: string
}

export function clientSettingsOf({ requestTimeout, pool = {}, options = {} }: MssqlConfig): ClientSettings {
  const { isolationLevel } = options
  const said = {
    socketTimeout: requestTimeout,
    connectionLimit: pool.max,
    poolTimeout: pool.acquireTimeoutMillis,
    isolationLevel: isolationLevel === undefined ? undefined : isolationLevelName(isolationLevel),
    packetSize: options.packetSize,
    workstationID: options.workstationId,
  }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}
