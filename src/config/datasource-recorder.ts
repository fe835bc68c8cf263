import type { config as MssqlConfig } from 'mssql'

/** What `entraDatasource` was called with. */
export interface DatasourceCall {
  config: MssqlConfig | string | undefined
  options: object
}

/** On `globalThis`, since a config file may load another copy of this package than the one that reads the file. */
const CALLS = Symbol.for('prisma-adapter-mssql-entra.datasource-calls')

const shared = globalThis as { [CALLS]?: DatasourceCall[] }

/** Keeps a call, if calls are recorded. @returns the URL that stands for it */
export function recordDatasource(call: DatasourceCall): string | undefined {
  return shared[CALLS] && urlOf(shared[CALLS].push(call) - 1)
}

/**
 * Records each call of `entraDatasource` during some work, such as loading a config file: it starts no proxy then.
 *
 * @returns what the work gave, and the call by its URL
 */
export async function recordingDatasources<T>(work: () => Promise<T>): Promise<[T, Map<string, DatasourceCall>]> {
  const calls: DatasourceCall[] = []
  shared[CALLS] = calls
  try {
    const result = await work()
    return [result, new Map(calls.map((call, index) => [urlOf(index), call]))]
  } finally {
    delete shared[CALLS]
  }
}

function urlOf(index: number): string {
  return `sqlserver://entra-datasource-${index}`
}
