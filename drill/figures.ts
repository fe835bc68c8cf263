/** What a drill has measured: pure functions of values. Times in ms since the epoch, durations in ms. */

/** A query or transaction. */
export interface Operation {
  /** The number of its write; used once. */
  n: number
  kind: 'read' | 'write' | 'transaction'
  from: number
  until: number
  /** What it failed with. */
  error?: string
}

export interface Figures {
  operations: number
  failed: number
  /** From the first failure to the last. */
  window: number
  /** From the server's return until a read, a write and a transaction have succeeded; undefined if one of them did not. */
  firstSuccess: number | undefined
  /** Writes that are there more than once. */
  twice: number
  /** Writes that were acknowledged and are not there. */
  missing: number
  /** How often each error was thrown. */
  errors: Record<string, number>
}

/**
 * @param backAt - when the server was there again
 * @param rows - the numbers of all writes in the database
 */
export function figuresOf(operations: readonly Operation[], backAt: number, rows: readonly number[]): Figures {
  const failures = operations.filter(({ error }) => error !== undefined)
  const ends = failures.map(({ until }) => until)
  const firstOf = (kind: Operation['kind']) =>
    Math.min(
      ...operations
        .filter((it) => it.kind === kind && it.error === undefined && it.until >= backAt)
        .map(({ until }) => until - backAt),
    )
  const firstSuccess = Math.max(...(['read', 'write', 'transaction'] as const).map(firstOf))
  const times = new Map<number, number>()
  for (const n of rows) times.set(n, (times.get(n) ?? 0) + 1)
  const acknowledged = operations.filter(({ kind, error }) => kind !== 'read' && error === undefined)
  const errors: Record<string, number> = {}
  for (const { error = '' } of failures) errors[error] = (errors[error] ?? 0) + 1
  return {
    operations: operations.length,
    failed: failures.length,
    window: failures.length === 0 ? 0 : Math.max(...ends) - Math.min(...ends),
    firstSuccess: Number.isFinite(firstSuccess) ? firstSuccess : undefined,
    twice: [...times.values()].filter((count) => count > 1).length,
    missing: acknowledged.filter(({ n }) => !times.has(n)).length,
    errors,
  }
}
