import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { causeOf, explain, type Failure, mayHaveRun, SLOW } from '../../soak/explain.ts'
import { type FaultKind, faultKinds, faultPlan } from '../../soak/faults.ts'
import { problemsOf, type Report, textOf } from '../../soak/report.ts'
import { Tally } from '../../soak/workload.ts'
import { transactionExpired } from '../../src/client/client-connection.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { prismaError } from '../../src/errors/prisma-error.ts'

describe('the plan of faults', () => {
  const steps = (seed: number, count: number) => {
    const plan = faultPlan(seed)
    return Array.from({ length: count }, () => plan.next().value)
  }

  it('is the same for the same seed, and another one for another', () => {
    expect(steps(7, 200)).toEqual(steps(7, 200))
    expect(steps(7, 200)).not.toEqual(steps(8, 200))
  })

  it('has every kind once before it has any again', () => {
    const kinds = steps(1, 200).flatMap(({ faults }) => faults.map(({ kind }) => kind))
    for (const round of [0, 1, 2]) {
      const once = kinds.slice(round * faultKinds.length, (round + 1) * faultKinds.length)
      expect(once.toSorted()).toEqual(faultKinds.toSorted())
    }
  })

  it('has some calms that are long enough for a rotation, and some pairs', () => {
    const many = steps(3, 500)
    expect(many.filter(({ calm }) => calm >= 10_000).length).toBeGreaterThan(50)
    expect(new Set(many.map(({ faults }) => faults.length))).toEqual(new Set([1, 2]))
  })
})

describe('the cause of a failure', () => {
  const known = (message: string, code: string, meta?: Record<string, unknown>) =>
    new Prisma.PrismaClientKnownRequestError(message, { code, clientVersion: '7', ...(meta && { meta }) })
  const database = new DriverAdapterError({ kind: 'mssql', code: 208, message: 'x', originalCode: '208' })

  it.each([
    ['the adapter’s code', new EntraError('CONNECTION_LOST', 'lost'), 'CONNECTION_LOST'],
    ['the adapter’s code behind Prisma’s', known('lost', 'P1017', { code: 'CONNECTION_LOST' }), 'CONNECTION_LOST'],
    ['the adapter’s code in a driver error', prismaError(transactionExpired(0)), 'TRANSACTION_TOKEN_EXPIRED'],
    ['SQL Server’s number', known('Database error', 'P2039', { driverAdapterError: database }), '208'],
    ['Prisma’s code where there is no other', known('write conflict', 'P2034'), 'P2034'],
    [
      'told for a transaction that did not begin',
      known('Unable to start a transaction in the given time.', 'P2028'),
      'P2028 not started in time',
    ],
    ['the name of an error without a code', new TypeError('x'), 'TypeError'],
  ])('is %s', (_, error, cause) => {
    expect(causeOf(error)).toBe(cause)
  })

  it('says whether the work may have run', () => {
    expect(['CONNECTION_LOST', 'STATEMENT_TOKEN_EXPIRED', 'TypeError'].map(mayHaveRun)).not.toContain(false)
    expect(['NOT_SENT', 'TRANSACTION_TOKEN_EXPIRED', 'P2028 not started in time'].map(mayHaveRun)).not.toContain(true)
  })
})

describe('a failure', () => {
  /** With one fault, from 10 s to 12 s. */
  const explained = (
    kind: FaultKind | typeof SLOW,
    cause: string,
    from: number,
    until: number,
    rest: Partial<Failure> = {},
  ) =>
    explain({ cause, from, until, ownLength: 0, busy: false, ...rest }, [{ kind, from: 10_000, until: 12_000 }], 10_000)

  it('is explained by a fault that leads to one like it and was in effect meanwhile', () => {
    expect(explained('request: drop', 'CONNECTION_LOST', 11_000, 11_100)).toBe('request: drop')
    expect(explained('request: drop', 'CONNECTION_LOST', 13_500, 14_000)).toBeUndefined()
    expect(explained('request: drop', 'CONNECTION_LOST', 8_000, 9_000)).toBeUndefined()
    expect(explained('authority: 503', 'CONNECTION_LOST', 11_000, 11_100)).toBeUndefined()
    expect(explained('request: drop', 'P2002', 11_000, 11_100)).toBeUndefined()
  })

  it('of a kind that a fault can lead to is explained by a machine that is too busy', () => {
    expect(explained(SLOW, 'STATEMENT_TOKEN_EXPIRED', 11_000, 11_100)).toBe(SLOW)
    expect(explained(SLOW, 'P2002', 11_000, 11_100)).toBeUndefined()
  })

  it('for want of a token or a login is explained only where the work waited as long as it may', () => {
    expect(explained('authority: 503', 'TOKEN_UNAVAILABLE', 11_000, 26_000)).toBe('authority: 503')
    expect(explained('authority: 503', 'TOKEN_UNAVAILABLE', 11_000, 13_000)).toBeUndefined()
    expect(explained('login: 40613', 'DATABASE_UNAVAILABLE', 11_000, 13_000)).toBeUndefined()
  })

  it('of a transaction that outlived its token is explained by its own length', () => {
    const cause = 'TRANSACTION_TOKEN_EXPIRED'
    expect(explained('tls: drop', cause, 0, 5_000, { ownLength: 4_000 })).toBe('its own length')
    expect(explained('tls: drop', cause, 0, 1_500, { ownLength: 1_000 })).toBeUndefined()
  })

  it('of a transaction that did not begin in time is explained where no connection was free', () => {
    const cause = 'P2028 not started in time'
    expect(explained('tls: drop', cause, 0, 2_000, { busy: true })).toBe('no connection free')
    expect(explained('tls: drop', cause, 0, 2_000)).toBeUndefined()
  })
})

it('a tally admits what happened for certain, with or without what perhaps happened', () => {
  const tally = new Tally()
  tally.sure = 2
  tally.unsure = 1
  expect([1, 2, 3, 4].filter((value) => tally.admits(value))).toEqual([2, 3])
})

describe('the report', () => {
  /** Of a run in which all was well. */
  const good: Report = {
    seed: 7,
    seconds: 1_203,
    done: 60_000,
    longest: 4_400,
    rotations: 180,
    tokenRequests: 260,
    logins: 1_500,
    faults: { 'request: drop': 9 },
    explained: { 'CONNECTION_LOST: request: drop': 30 },
    unexplained: [],
    neverEnded: 0,
    slow: 0,
    findings: [],
    requestsAfterExpiry: 0,
    leastTimeLeft: 40,
    heap: Array.from({ length: 240 }, () => 50e6),
    sockets: { most: 11, allowed: 11 },
    connections: { most: 8, allowed: 8 },
    left: [],
    warnings: [],
  }

  it('finds nothing where all was well, or where the heap cannot be judged', () => {
    expect(problemsOf(good)).toEqual([])
    expect(problemsOf({ ...good, heap: [1e6, 9e6] })).toEqual([])
    expect(textOf(good)).toMatch(/requests after expiry +0\n[\s\S]*✓/)
    expect(textOf(good).split('\n').length).toBeLessThanOrEqual(20)
  })

  it.each<[string, Partial<Report>, RegExp]>([
    ['no work', { done: 0 }, /no query succeeded/],
    ['no rotation', { rotations: 0 }, /no rotation happened/],
    ['a failure that nothing explains', { unexplained: [{ cause: 'X', detail: '', before: [] }] }, /1 failures/],
    ['work that never ended', { neverEnded: 1 }, /never ended/],
    ['a heap that grows all the time', { heap: good.heap.map((bytes, i) => bytes + i * 40_000) }, /the heap grew/],
    ['too many sockets', { sockets: { most: 12, allowed: 11 } }, /12 sockets, where 11/],
    ['too many connections', { connections: { most: 9, allowed: 8 } }, /9 connections, where 8/],
    ['a request after expiry', { requestsAfterExpiry: 1 }, /1 requests after/],
    ['rows that do not add up', { findings: ['worker-1 has half a transfer'] }, /add up: worker-1 has half/],
    ['a socket that is left', { left: ['TCPSocketWrap'] }, /left after \$disconnect: TCPSocketWrap/],
    ['a warning of Node', { warnings: ['MaxListenersExceededWarning: 11'] }, /MaxListeners/],
  ])('finds %s', (_, part, problem) => {
    expect(problemsOf({ ...good, ...part }).join()).toMatch(problem)
    expect(textOf({ ...good, ...part })).toMatch(/✗/)
  })

  it('shows what happened before a failure that nothing explains', () => {
    const unexplained = [{ cause: 'TypeError', detail: 'x is undefined', before: ['12:00:00.000 rotation.started'] }]
    expect(textOf({ ...good, unexplained })).toMatch(/TypeError: x is undefined\n {4}12:00:00\.000 rotation\.started/)
  })
})
