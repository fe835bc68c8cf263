import { describe, expect, it } from 'vitest'
import { explain, type Failure } from '../../soak/explanations.ts'
import type { FaultKind } from '../../soak/fault-kinds.ts'
import { FaultLog } from '../../soak/fault-log.ts'

const TOKEN_LIFE = 10_000

/** A log with one fault, from 10 s to 12 s. */
function logOf(kind: FaultKind): FaultLog {
  const log = new FaultLog(120_000)
  log.begin(kind, 10_000).until = 12_000
  return log
}

function failure(cause: string, from: number, until: number, rest: Partial<Failure> = {}): Failure {
  return { cause, from, until, ownLength: 0, busy: false, ...rest }
}

function explained(kind: FaultKind, failed: Failure): boolean {
  return explain(failed, logOf(kind), TOKEN_LIFE) !== undefined
}

describe('a failure', () => {
  it('is explained by a fault that leads to one like it and was on meanwhile', () => {
    expect(explain(failure('CONNECTION_LOST', 11_000, 11_100), logOf('request: drop'), TOKEN_LIFE)).toEqual([
      'request: drop',
    ])
    expect(explained('sessions: cut', failure('NOT_SENT', 9_000, 11_000))).toBe(true)
    expect(explained('request: 37396', failure('SESSION_TOKEN_EXPIRED', 11_000, 11_100))).toBe(true)
    expect(explained('request: hang', failure('STATEMENT_TOKEN_EXPIRED', 11_000, 19_000))).toBe(true)
    expect(explained('authority: wrong audience', failure('LOGIN_FAILED 18456', 11_000, 12_000))).toBe(true)
  })

  it('is not explained by one that was over, or had not begun', () => {
    expect(explained('request: drop', failure('CONNECTION_LOST', 13_500, 14_000))).toBe(false)
    expect(explained('request: drop', failure('CONNECTION_LOST', 8_000, 9_000))).toBe(false)
  })

  it('is not explained by one that leads to something else', () => {
    expect(explained('authority: 503', failure('CONNECTION_LOST', 11_000, 11_100))).toBe(false)
    expect(explained('login: 40613', failure('LOGIN_FAILED 10928', 11_000, 40_000))).toBe(false)
    expect(explained('request: drop', failure('P2002', 11_000, 11_100))).toBe(false)
    expect(explained('request: drop', failure('TypeError', 11_000, 11_100))).toBe(false)
  })

  it.each<[FaultKind, string]>([
    ['authority: hang', 'TOKEN_UNAVAILABLE'],
    ['login: 40613', 'LOGIN_FAILED 40613'],
    ['tls: drop', 'CONNECT_FAILED'],
  ])('by %s must have waited before it is %s', (kind, cause) => {
    expect(explained(kind, failure(cause, 11_000, 26_000))).toBe(true)
    expect(explained(kind, failure(cause, 11_000, 13_000))).toBe(false)
  })

  it('of a transaction that outlived its token is explained by its own length', () => {
    const log = new FaultLog(120_000)
    const cause = 'TRANSACTION_TOKEN_EXPIRED'
    expect(explain(failure(cause, 0, 5_000, { ownLength: 4_000 }), log, TOKEN_LIFE)).toEqual(['its own length'])
    expect(explain(failure(cause, 0, 1_500, { ownLength: 1_000 }), log, TOKEN_LIFE)).toBeUndefined()
    expect(explained('authority: 503', failure(cause, 13_000, 14_000))).toBe(true)
  })

  it('of a transaction that was not begun in time is explained where no connection was free', () => {
    const log = new FaultLog(120_000)
    const cause = 'P2028 not started in time'
    expect(explain(failure(cause, 0, 2_000, { busy: true }), log, TOKEN_LIFE)).toEqual(['no connection free'])
    expect(explain(failure(cause, 0, 2_000), log, TOKEN_LIFE)).toBeUndefined()
  })
})

describe('the log of faults', () => {
  it('has what is on, without an end', () => {
    const log = new FaultLog(1_000)
    const span = log.begin('tls: drop', 5_000)
    expect(log.active).toEqual([span])
    expect(log.between(6_000, 7_000)).toEqual(['tls: drop'])
    span.until = 6_500
    expect(log.active).toEqual([])
    expect(log.between(6_000, 7_000)).toEqual(['tls: drop'])
    expect(log.between(6_600, 7_000)).toEqual([])
  })

  it('forgets', () => {
    const log = new FaultLog(1_000)
    log.begin('tls: drop', 0).until = 500
    log.begin('login: drop', 2_000)
    expect(log.between(0, 10_000)).toEqual(['login: drop'])
  })
})
