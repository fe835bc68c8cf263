import type { Report } from './report.ts'

/** What was not as it should be; empty where all was. */
export function faultsOf(report: Report): string[] {
  const { heap, sockets, connections, failures } = report
  const unexplained = failures.reduce((sum, count) => sum + count.unexplained, 0)
  const { growth } = heap
  return [
    report.done === 0 && 'no query succeeded',
    report.rotations === 0 && 'no rotation happened',
    unexplained > 0 && `${unexplained} failures are not explained by a fault`,
    report.neverEnded > 0 && `${report.neverEnded} queries or transactions never ended`,
    growth !== undefined && growth.last > growth.first + growth.tolerance && 'the heap grew',
    sockets.most > sockets.allowed && `${sockets.most} sockets were open, of ${sockets.allowed}`,
    connections.most > connections.allowed && `${connections.most} connections were open, of ${connections.allowed}`,
    report.requestsAfterExpiry > 0 && `${report.requestsAfterExpiry} requests came after their token's expiry`,
    ...report.findings.map((finding) => `rows do not add up (${finding})`),
    report.left.length > 0 && `left after $disconnect: ${report.left.join(', ')}`,
    ...report.warnings,
  ].filter((fault) => fault !== false)
}
