import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { causeOf, explain, mayHaveRun, SLOW, wasHeldUp } from '../../soak/explain.ts'
import { type FaultKind, faultKinds, faultPlan } from '../../soak/faults.ts'
import { Report } from '../../soak/report.ts'
import { Tally } from '../../soak/workload.ts'
import { EntraError } from '../../src/errors/entra-error.ts'

describe('the plan of faults', () => {
  const steps = (seed: number, count: number) => {
    const plan = faultPlan(seed)
    return Array.from({ length: count }, () => plan.next().value)
  }

  it('is the same for the same seed, and different for another', () => {
    expect(steps(7, 200)).toEqual(steps(7, 200))
    expect(steps(7, 200)).not.toEqual(steps(8, 200))
  })

  it('has every kind once before it repeats any', () => {
    const kinds = steps(1, 100).flatMap(({ faults }) => faults.map(({ kind }) => kind))
    for (const round of [0, 1]) {
      const once = kinds.slice(round * faultKinds.length, (round + 1) * faultKinds.length)
      expect(once.toSorted()).toEqual(faultKinds.toSorted())
    }
  })
})

describe('the cause of a failure', () => {
  const known = (message: string, code: string, meta?: Record<string, unknown>) =>
    new Prisma.PrismaClientKnownRequestError(message, { code, clientVersion: '7', ...(meta && { meta }) })
  const database = new DriverAdapterError({ kind: 'mssql', code: 208, message: 'x', originalCode: '208' })

  it.each([
    ['the adapter’s code', new EntraError('CONNECTION_LOST', 'lost'), 'CONNECTION_LOST'],
    ['the adapter’s code behind Prisma’s', known('lost', 'P1017', { code: 'CONNECTION_LOST' }), 'CONNECTION_LOST'],
    ['SQL Server’s number', known('Database error', 'P2039', { driverAdapterError: database }), '208'],
    ['Prisma’s code if there is no other', known('write conflict', 'P2034'), 'P2034'],
    [
      'named if a transaction did not begin',
      known('Unable to start a transaction in the given time.', 'P2028'),
      'P2028 not started in time',
    ],
    ['the name of an error without a code', new TypeError('x'), 'TypeError'],
  ])('is %s', (_, error, cause) => {
    expect(causeOf(error)).toBe(cause)
  })

  it('says whether the work may have run', () => {
    expect(['CONNECTION_LOST', 'TypeError'].map(mayHaveRun)).toEqual([true, true])
    expect(['NOT_SENT', 'TRANSACTION_TOKEN_EXPIRED'].map(mayHaveRun)).toEqual([false, false])
  })
})

describe('a failure', () => {
  it.each<[string, string, FaultKind | typeof SLOW, number, number, boolean]>([
    ['during a fault that leads to it is explained', 'CONNECTION_LOST', 'request: drop', 11_000, 11_100, true],
    ['after that fault is not', 'CONNECTION_LOST', 'request: drop', 13_500, 14_000, false],
    ['before that fault is not', 'CONNECTION_LOST', 'request: drop', 8_000, 9_000, false],
    ['during another fault is not', 'CONNECTION_LOST', 'authority: 503', 11_000, 11_100, false],
    ['that no fault leads to is not', 'P2002', 'request: drop', 11_000, 11_100, false],
    ['is explained by a busy machine', 'STATEMENT_TOKEN_EXPIRED', SLOW, 11_000, 11_100, true],
    ['that no fault leads to is not, even then', 'P2002', SLOW, 11_000, 11_100, false],
    ['for want of a token is explained after a long wait', 'TOKEN_UNAVAILABLE', 'authority: 503', 11_000, 26_000, true],
    ['for want of a token is not after a short wait', 'TOKEN_UNAVAILABLE', 'authority: 503', 11_000, 13_000, false],
  ])('%s', (_, cause, kind, from, until, explained) => {
    const spans = [{ kind, from: 10_000, until: 12_000 }]
    expect(explain(cause, from, until, spans)).toBe(explained ? kind : undefined)
  })

  it('of a transaction that outlived its token is explained by its own length', () => {
    expect(explain('TRANSACTION_TOKEN_EXPIRED', 0, 5_000, [], 4_000)).toBe('its own length')
    expect(explain('TRANSACTION_TOKEN_EXPIRED', 0, 1_500, [], 1_000)).toBeUndefined()
  })

  it('of a transaction that did not begin in time is explained if no connection was free', () => {
    expect(explain('P2028 not started in time', 0, 2_000, [], 0, true)).toBe('no connection free')
    expect(explain('P2028 not started in time', 0, 2_000, [])).toBeUndefined()
  })
})

describe('a request after its token’s expiry', () => {
  it.each([
    ['a stall for most of its way', 5_010, 5_130, true],
    ['a stall that was shorter', 5_080, 5_130, false],
    ['a stall that was before it', 4_800, 5_000, false],
  ])('%s', (_, from, until, heldUp) => {
    expect(wasHeldUp({ at: 5_120, lateBy: 20, sql: '' }, [{ from, until }])).toBe(heldUp)
  })

  it('is a problem unless a process stood still, and is shown either way', () => {
    const report = Object.assign(new Report(7), { done: 1, rotations: 1, requestsAfterExpiry: 2 })
    report.late({ at: 0, lateBy: 20, sql: 'SELECT 1' }, true)
    report.late({ at: 0, lateBy: 30, sql: 'SELECT 2' }, false)
    expect(report.text(11)).toMatch(
      /after expiry +2\n +00:00:00.000 20 ms after expiry, after a process stood still: SELECT 1\n/,
    )
    expect(report.problems(11)).toEqual(["1 requests after their token's expiry"])
  })
})

it('a tally admits what certainly happened, with or without what may have happened', () => {
  const tally = Object.assign(new Tally(), { sure: 2, unsure: 1 })
  expect([1, 2, 3, 4].filter((value) => tally.admits(value))).toEqual([2, 3])
})

describe('the report', () => {
  const heap = Array.from({ length: 240 }, () => 50e6)
  const report = (part: Partial<Report> = {}) =>
    Object.assign(new Report(7), { done: 60_000, rotations: 180, heap, sockets: 11, ...part })

  it('finds no problem in a good run', () => {
    expect(report().problems(11)).toEqual([])
    expect(report().text(11)).toMatch(/requests after expiry +0\n[\s\S]*✓/)
  })

  it.each<[string, Partial<Report>, RegExp]>([
    ['no work', { done: 0 }, /no query succeeded/],
    ['no rotation', { rotations: 0 }, /no rotation happened/],
    ['a failure that nothing explains', { unexplained: [{ cause: 'X', detail: '', before: [] }] }, /1 failures/],
    ['work that never ended', { neverEnded: 1 }, /never ended/],
    ['a heap that keeps growing', { heap: heap.map((bytes, i) => bytes + i * 40_000) }, /the heap grew/],
    ['too many sockets', { sockets: 12 }, /12 sockets, but 11/],
    ['a request after expiry', { requestsAfterExpiry: 1 }, /1 requests after/],
    ['rows that do not add up', { wrongRows: ['worker-1 has half a transfer'] }, /add up: worker-1 has half/],
    ['a socket that is left', { left: ['TCPSocketWrap'] }, /left after \$disconnect: TCPSocketWrap/],
    ['a warning of Node', { warnings: ['MaxListenersExceededWarning: 11'] }, /MaxListeners/],
  ])('finds %s', (_, part, problem) => {
    expect(report(part).text(11)).toMatch(new RegExp(`✗ .*${problem.source}`))
  })

  it('of the proxy has the clients that came, and nothing that only the adapter measures', () => {
    const proxy = Object.assign(new Report(7, 'proxy'), { done: 1, came: { 'sends garbage': 3 } })
    expect(proxy.text(11)).toMatch(/clients: sends garbage +3\n/)
    expect(proxy.text(11)).not.toMatch(/the longest took|rotations|rows|after expiry/)
  })

  it('shows what happened before a failure that nothing explains', () => {
    const unexplained = [{ cause: 'TypeError', detail: 'x is undefined', before: ['12:00:00.000 rotation.started'] }]
    expect(report({ unexplained }).text(11)).toMatch(/TypeError: x is undefined\n {4}12:00:00\.000 rotation\.started/)
  })
})
