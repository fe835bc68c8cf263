import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../../src/connect/failure.ts'
import { EntraError } from '../../src/errors.ts'
import { explainDriverError } from '../../src/rotation/driver-errors.ts'

const driverError = (name: string, code: string, message = 'x') => Object.assign(new Error(message), { name, code })
const refusal = (number: number, message = 'no') => ({ number, state: 1, message })
const sqlError = (number: number) => new DriverAdapterError({ kind: 'mssql', code: number, message: 'x' })

describe('what a failure of the driver means', () => {
  it.each([
    ['18456 at login', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refusal(18456)), 'token'],
    ['37396 in a session', explainDriverError(sqlError(37396), undefined), 'token'],
    [
      '18456 in a session, for an expired token',
      explainDriverError(
        new DriverAdapterError({
          kind: 'AuthenticationFailed',
          originalMessage: "Login failed for user '<token-identified principal>'. Token is expired.",
        }),
        undefined,
      ),
      'token',
    ],
    ['40613 at login', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refusal(40613)), 'unavailable'],
    ['10928 at login', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refusal(10928)), 'unavailable'],
    [
      '4060 of a database that was there',
      explainDriverError(driverError('ConnectionError', 'ELOGIN'), refusal(4060)),
      'unavailable',
    ],
    ['the firewall', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refusal(40615)), undefined],
    [
      'a server that cannot be reached',
      explainDriverError(driverError('ConnectionError', 'ESOCKET'), undefined),
      'unavailable',
    ],
    [
      'a connection that closed before the request',
      explainDriverError(driverError('RequestError', 'EINVALIDSTATE'), undefined),
      'not-sent',
    ],
    ['a pool that is closing', explainDriverError(driverError('ConnectionError', 'ENOTOPEN'), undefined), 'not-sent'],
    ['a wait for a connection that was given up', explainDriverError(new Error('aborted'), undefined), 'not-sent'],
    [
      'a connection that closed under a request',
      explainDriverError(driverError('RequestError', 'ECLOSE'), undefined),
      'lost',
    ],
    ['a socket error under a request', explainDriverError(driverError('RequestError', 'ESOCKET'), undefined), 'lost'],
    ['a request that took too long', explainDriverError(driverError('RequestError', 'ETIMEOUT'), undefined), undefined],
    ['an SQL error', explainDriverError(sqlError(208), undefined), undefined],
    ['not an error', explainDriverError('text', undefined), undefined],
  ])('%s', (_, error, expected) => expect(failureOf(error, true)).toBe(expected))

  it('takes 4060 as final for a database that was never opened', () => {
    expect(
      failureOf(explainDriverError(driverError('ConnectionError', 'ELOGIN'), refusal(4060)), false),
    ).toBeUndefined()
  })

  it('keeps the server’s number, state and words, and the driver’s error as cause', () => {
    const cause = driverError('ConnectionError', 'ELOGIN', 'Login failed.')
    const error = explainDriverError(cause, { number: 18456, state: 133, message: 'Token is expired.' })
    expect(error).toBeInstanceOf(EntraError)
    expect(error).toMatchObject({
      code: 'LOGIN_FAILED',
      number: 18456,
      state: 133,
      message: expect.stringMatching(
        /^The server refused the login: Token is expired\. \(error 18456, state 133\) Check/,
      ),
      cause,
    })
  })
})
