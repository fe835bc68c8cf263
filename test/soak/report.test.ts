import { describe, expect, it } from 'vitest'
import { colourless } from '../../demo/palette.ts'
import { EventLog } from '../../soak/event-log.ts'
import { Failures } from '../../soak/failures.ts'
import { Incidents } from '../../soak/incidents.ts'
import type { Report } from '../../soak/report.ts'
import { summaryOf } from '../../soak/summary.ts'
import { Tally } from '../../soak/tally.ts'
import { faultsOf } from '../../soak/verdict.ts'

/** A run in which all was well. */
const good: Report = {
  seed: 7,
  seconds: 1_203,
  rotations: 180,
  rotationsUndisturbed: 90,
  tokenRequests: 260,
  tokenRequestsFailed: 30,
  logins: 1_500,
  loginsRefused: 120,
  done: 60_000,
  failures: [
    { cause: 'CONNECTION_LOST', explained: 31, unexplained: 0, by: { 'request: drop': 30, 'sessions: cut': 1 } },
  ],
  incidents: [],
  longest: 4_400,
  neverEnded: 0,
  faults: [{ kind: 'request: drop', faults: 9, hits: 30 }],
  heap: { start: 46e6, end: 54e6, growth: { first: 54e6, last: 54.5e6, tolerance: 2e6 } },
  sockets: { start: 1, most: 11, end: 4, allowed: 13 },
  connections: { most: 10, allowed: 10 },
  requestsAfterExpiry: 0,
  leastTimeLeft: 40,
  findings: [],
  left: [],
  warnings: [],
}

describe('the verdict', () => {
  it('finds nothing where all was well, or where the heap could not be judged', () => {
    expect(faultsOf(good)).toEqual([])
    expect(faultsOf({ ...good, heap: { ...good.heap, growth: undefined } })).toEqual([])
  })

  it.each<[string, Partial<Report>, string]>([
    ['no work', { done: 0 }, 'no query succeeded'],
    ['no rotation', { rotations: 0 }, 'no rotation happened'],
    [
      'a failure that nothing explains',
      { failures: [...good.failures, { cause: 'TypeError', explained: 0, unexplained: 2, by: {} }] },
      '2 failures are not explained by a fault',
    ],
    ['work that never ended', { neverEnded: 1 }, '1 queries or transactions never ended'],
    [
      'a heap that grew',
      { heap: { ...good.heap, growth: { first: 54e6, last: 56.1e6, tolerance: 2e6 } } },
      'the heap grew',
    ],
    ['too many sockets', { sockets: { ...good.sockets, most: 14 } }, '14 sockets were open, of 13'],
    ['too many connections', { connections: { most: 11, allowed: 10 } }, '11 connections were open, of 10'],
    ['a request after expiry', { requestsAfterExpiry: 1 }, `1 requests came after their token's expiry`],
    ['rows that do not add up', { findings: ['worker-1: 3 views'] }, 'rows do not add up (worker-1: 3 views)'],
    ['a socket that is left', { left: ['TCPSocketWrap'] }, 'left after $disconnect: TCPSocketWrap'],
    ['a warning of Node', { warnings: ['MaxListenersExceededWarning: 11'] }, 'MaxListenersExceededWarning: 11'],
  ])('finds %s', (_, part, fault) => {
    expect(faultsOf({ ...good, ...part })).toEqual([fault])
    expect(summaryOf({ ...good, ...part }, colourless)).toContain(`✗ ${fault}`)
  })
})

describe('the summary', () => {
  it('shows the figures', () => {
    const text = summaryOf(good, colourless)
    for (const line of [
      /ran +20 min 3 s, seed 7/,
      /rotations +180 \(90 with no fault on\)/,
      /queries and transactions +60,000/,
      /CONNECTION_LOST +31 \(request: drop, sessions: cut\)/,
      /heap, first quarter and last +54.00 MB, 54.50 MB \(\+0.50 MB, allowed: 2.00 MB\)/,
      /sockets at start, at end +1, 4/,
      /✓ Nothing failed without a cause, nothing grew/,
    ]) {
      expect(text).toMatch(line)
    }
  })

  it('says where the heap was not judged', () => {
    const text = summaryOf({ ...good, heap: { ...good.heap, growth: undefined } }, colourless)
    expect(text).toMatch(/not judged: the run was too short/)
    expect(text).not.toMatch(/nothing grew/)
  })

  it('shows what must not happen, with what happened before', () => {
    const incident = { what: 'TypeError', detail: 'x is null', from: 'then', until: 'now', events: ['tls: drop'] }
    const text = summaryOf({ ...good, incidents: [incident] }, colourless)
    expect(text).toContain('TypeError, then to now: x is null\n    tls: drop\n')
  })
})

describe('failures', () => {
  it('are counted by cause, with what explains them', () => {
    const failures = new Failures()
    failures.addExplained('A', ['x', 'x', 'y'])
    failures.addExplained('A', ['x'])
    failures.addUnexplained('B')
    expect(failures.table()).toEqual([
      { cause: 'A', explained: 2, unexplained: 0, by: { x: 2, y: 1 } },
      { cause: 'B', explained: 0, unexplained: 1, by: {} },
    ])
    expect([failures.explainedCount, failures.unexplainedCount]).toEqual([2, 1])
  })
})

describe('incidents', () => {
  it('come with what happened before', () => {
    const events = new EventLog(10)
    const incidents = new Incidents(events, 5_000)
    const now = Date.now()
    events.add(now - 60_000, 'long ago')
    events.add(now - 2_000, 'tls: drop')
    incidents.add('TypeError', 'x is null', now)
    expect(incidents.kept).toMatchObject([
      {
        what: 'TypeError',
        detail: 'x is null',
        from: new Date(now).toISOString(),
        events: [expect.stringMatching(/tls: drop$/)],
      },
    ])
  })

  it('are not all kept', () => {
    const incidents = new Incidents(new EventLog(10), 5_000)
    for (let i = 0; i < 100; i++) incidents.add('TypeError', `${i}`)
    expect(incidents.kept.length).toBeLessThan(20)
  })
})

it('a tally admits what is sure, and what is not', () => {
  const tally = new Tally()
  tally.add()
  tally.add()
  expect([1, 2, 3].map((value) => tally.admits(value))).toEqual([false, true, false])
  tally.addPerhaps()
  expect([1, 2, 3, 4].map((value) => tally.admits(value))).toEqual([false, true, true, false])
  expect(String(tally)).toBe('2 to 3')
})
