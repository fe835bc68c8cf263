/**
 * How many workers a database has at once, by its service objective; a login needs one too. Source: Microsoft Learn,
 * "Resource limits for single databases", in the DTU and in the vCore purchasing model.
 */
const DTU_WORKERS: Readonly<Record<string, number>> = { Basic: 30, S0: 60, S1: 90, S2: 120, S3: 200, P1: 200 }
const WORKERS_PER_VCORE = 100
/** Of the most vCores that a serverless database scales to. */
const WORKERS_PER_SERVERLESS_VCORE = 75

/**
 * How many workers a database has; undefined if its service objective does not say.
 *
 * @param objective - `S0`, or `GP_S_Gen5_2`: tier, `S` for serverless, hardware, vCores
 */
export function concurrentWorkers(objective: string): number | undefined {
  if (Object.hasOwn(DTU_WORKERS, objective)) return DTU_WORKERS[objective]
  const [, serverless, vCores] = /^(?:GP|BC|HS)_(S_)?[A-Z]\w*_(\d+)$/i.exec(objective) ?? []
  if (vCores === undefined) return undefined
  return Number(vCores) * (serverless === undefined ? WORKERS_PER_VCORE : WORKERS_PER_SERVERLESS_VCORE)
}

/**
 * How many instances of the application a database supports, in words; undefined if its service objective does not say.
 *
 * @param connections - of one instance, at most
 * @param logins - that a rotation makes at once
 */
export function capacityOf(objective: string, connections: number, logins: number): string | undefined {
  const workers = concurrentWorkers(objective)
  if (workers === undefined) return undefined
  const instances = Math.max(Math.floor(workers / (connections + logins)), 1)
  const each = `${connections} connection${connections === 1 ? '' : 's'} and ${logins} login${logins === 1 ? '' : 's'}`
  return `${objective} has ${workers} workers: enough for ${instances} instance${instances === 1 ? '' : 's'} of ${each} at once`
}
