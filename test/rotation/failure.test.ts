import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../../src/connect/failure.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { explainDriverError as explain } from '../../src/rotation/driver-errors.ts'

const driverError = (name: string, code: string, message = 'x') => Object.assign(new Error(message), { name, code })
const login = { server: 'localhost', database: 'app', audience: 'https://x/', claims: {}, now: 0 }
const explainDriverError = (error: unknown, refusal: ReturnType<typeof refused> | undefined) =>
  explain(error, () => ({ failure: { refusal, reached: true }, login }))
const refused = (number: number, message = "Login failed for user '<token-identified principal>'.") => ({
  number,
  state: 1,
  message,
})
const sqlError = (number: number) => new DriverAdapterError({ kind: 'mssql', code: number, message: 'x' })

describe('what a failure of the driver means', () => {
  it.each([
    ['18456 at login', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(18456)), 'token'],
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
    ['40613 at login', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(40613)), 'unavailable'],
    ['10928 at login', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(10928)), 'unavailable'],
    [
      '4060 of a database that was there',
      explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(4060)),
      'unavailable',
    ],
    ['the firewall', explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(40615)), undefined],
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
    [
      'a connection that the system reset under a request',
      explainDriverError(driverError('RequestError', 'ECONNRESET', 'socket hang up'), undefined),
      'lost',
    ],
    [
      'a connection that ended in the middle of an answer',
      explainDriverError(driverError('RequestError', 'EREQUEST', 'unexpected end of message stream'), undefined),
      'lost',
    ],
    [
      '37396 while a session is set up',
      explainDriverError(driverError('ConnectionError', 'ESOCKET'), refused(37396, 'access token is expired')),
      'token',
    ],
    [
      'a server without Entra logins',
      explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(18456, "Login failed for user ''.")),
      undefined,
    ],
    [
      'a name that DNS does not know',
      explainDriverError(driverError('ConnectionError', 'ENOTFOUND'), undefined),
      'unavailable',
    ],
    [
      'a server that Azure does not know',
      explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(40532)),
      undefined,
    ],
    ['a request that took too long', explainDriverError(driverError('RequestError', 'ETIMEOUT'), undefined), undefined],
    ['an SQL error', explainDriverError(sqlError(208), undefined), undefined],
    ['not an error', explainDriverError('text', undefined), undefined],
  ])('%s', (_, error, expected) => expect(failureOf(error, true)).toBe(expected))

  it('takes 4060 as final for a database that was never opened', () => {
    expect(
      failureOf(explainDriverError(driverError('ConnectionError', 'ELOGIN'), refused(4060)), false),
    ).toBeUndefined()
  })

  it('keeps the server’s number, state and words, and the driver’s error as cause', () => {
    const cause = driverError('ConnectionError', 'ELOGIN', 'Login failed.')
    const error = explainDriverError(cause, { number: 18470, state: 133, message: 'The account is disabled.' })
    expect(error).toBeInstanceOf(EntraError)
    expect(error).toMatchObject({
      code: 'LOGIN_FAILED',
      number: 18470,
      state: 133,
      message: expect.stringContaining(
        'The server refused the login: The account is disabled. (error 18470, state 133)',
      ),
      cause,
    })
  })
})
