/** All figures of a run. */
export interface Report {
  seed: number
  /** How long the workload ran, in s. */
  seconds: number
  /** Queries and transactions that succeeded. */
  done: number
  /** The longest that one took, its own pauses not counted, in ms. */
  longest: number
  rotations: number
  tokenRequests: number
  logins: number
  /** How often each kind of fault was in effect. */
  faults: Record<string, number>
  /** How often work failed, by cause and by what explains it. */
  explained: Record<string, number>
  /** What nothing explains, with what happened before. */
  unexplained: { cause: string; detail: string; before: readonly string[] }[]
  /** Work that had not ended long after the last fault. */
  neverEnded: number
  /** Rows that do not add up. */
  findings: string[]
  /** How long the machine was too busy for this to say much, in s. */
  slow: number
  requestsAfterExpiry: number
  /** The least time left on a session's token at a request, in ms. */
  leastTimeLeft: number | undefined
  /** In bytes, after a collection each, from the beginning of the run to its end. */
  heap: number[]
  /** TCP sockets of this process. */
  sockets: { most: number; allowed: number }
  /** Connections of the driver, from before their login to their end. */
  connections: { most: number; allowed: number }
  /** What is there after `$disconnect` that was not there before, here and at the gateway. */
  left: string[]
  /** Rejections that nobody handled, and warnings of Node. */
  warnings: string[]
}

/** Fewer samples of the heap say nothing: code is still being compiled, caches are being filled. */
const FEWEST_SAMPLES = 24

/**
 * By how much the heap grew from the second quarter of the run to the last, and by how much it may, in bytes; undefined
 * where the run was too short. 2 % and 512 KiB are what V8 compiles and caches late; `ManagedIdentityCredential` keeps
 * an `AbortController` of each request for good (measured: 1.6 KB).
 */
export function heapGrowth({ heap, tokenRequests }: Report): { grew: number; allowed: number } | undefined {
  if (heap.length < FEWEST_SAMPLES) return undefined
  const quarter = Math.floor(heap.length / 4)
  const first = median(heap.slice(quarter, 2 * quarter))
  const last = median(heap.slice(-quarter))
  return { grew: last - first, allowed: 0.02 * first + 512 * 1024 + tokenRequests * 2 * 1024 }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** What is not as it should be; empty where all is. */
export function problemsOf(report: Report): string[] {
  const { sockets, connections } = report
  const heap = heapGrowth(report)
  return [
    report.done === 0 && 'no query succeeded',
    report.rotations === 0 && 'no rotation happened',
    report.unexplained.length > 0 && `${report.unexplained.length} failures that no fault explains`,
    report.neverEnded > 0 && `${report.neverEnded} queries or transactions never ended`,
    heap !== undefined && heap.grew > heap.allowed && `the heap grew by ${megabytes(heap.grew)}`,
    sockets.most > sockets.allowed && `${sockets.most} sockets, where ${sockets.allowed} are allowed`,
    connections.most > connections.allowed &&
      `${connections.most} connections, where ${connections.allowed} are allowed`,
    report.requestsAfterExpiry > 0 && `${report.requestsAfterExpiry} requests after their token's expiry`,
    ...report.findings.map((finding) => `rows do not add up: ${finding}`),
    report.left.length > 0 && `left after $disconnect: ${report.left.join(', ')}`,
    ...report.warnings,
  ].filter((problem) => problem !== false)
}

/** Of a label, in characters: the longest cause and fault fit in. */
const WIDTH = 54

/** So many rows of explained failures are shown, the most frequent ones. */
const MOST_CAUSES = 6
/** So many of what nothing explains are shown. */
const MOST_SHOWN = 3

/** What is printed at the end. */
export function textOf(report: Report): string {
  const row = (label: string, value: string | number) => `  ${label.padEnd(WIDTH)}${value}`
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0)
  const heap = heapGrowth(report)
  const { sockets, connections, leastTimeLeft } = report
  const problems = problemsOf(report)
  return [
    row('ran', `${Math.round(report.seconds)} s, seed ${report.seed}`),
    row('machine too busy', `${Math.round(report.slow)} s`),
    row('queries and transactions', report.done.toLocaleString('en')),
    row('the longest took', `${(report.longest / 1000).toFixed(1)} s`),
    row('rotations', report.rotations),
    row('token requests', report.tokenRequests),
    row('logins', report.logins),
    row('faults', `${sum(report.faults)} of ${Object.keys(report.faults).length} kinds`),
    row('failures that a fault explains', sum(report.explained)),
    ...Object.entries(report.explained)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, MOST_CAUSES)
      .map(([why, count]) => row(`  ${why}`, count)),
    row('failures that nothing explains', report.unexplained.length),
    row('rows', report.findings.length === 0 ? 'add up' : 'do not add up'),
    row('requests after expiry', report.requestsAfterExpiry),
    row('least time left on a token', leastTimeLeft === undefined ? 'none seen' : `${leastTimeLeft} ms`),
    row('connections at most', `${connections.most} of ${connections.allowed}`),
    row('sockets at most', `${sockets.most} of ${sockets.allowed}`),
    row(
      'heap',
      heap === undefined
        ? 'not judged: the run was too short'
        : `grew by ${megabytes(heap.grew)} of ${megabytes(heap.allowed)}`,
    ),
    ...report.unexplained
      .slice(0, MOST_SHOWN)
      .flatMap(({ cause, detail, before }) => ['', `${cause}: ${detail}`, ...before.map((line) => `    ${line}`)]),
    '',
    problems.length === 0 ? '✓ Nothing failed without a cause.' : `✗ ${problems.join('; ')}.`,
  ].join('\n')
}

/** Of 1,000,000 bytes each. */
function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}
