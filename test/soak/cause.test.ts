import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { causeOf } from '../../soak/cause.ts'
import { mayHaveRun } from '../../soak/outcome.ts'
import { EntraError } from '../../src/errors.ts'
import { transactionExpired } from '../../src/rotation/expiry-errors.ts'

const known = (message: string, code: string, meta?: Record<string, unknown>) =>
  new Prisma.PrismaClientKnownRequestError(message, { code, clientVersion: '7', ...(meta && { meta }) })

describe('the cause of a failure', () => {
  it.each([
    ['a code of the adapter', new EntraError('CONNECTION_LOST', 'lost'), 'CONNECTION_LOST'],
    ['the same, as Prisma Client gives it', known('lost', 'CONNECTION_LOST'), 'CONNECTION_LOST'],
    [
      'the number of a refused login',
      known('\n\nThe server refused the login: Login failed. (error 18456, state 1)', 'LOGIN_FAILED'),
      'LOGIN_FAILED 18456',
    ],
    [
      'why a transaction ended, behind P2034',
      known('write conflict', 'P2034', { driverAdapterError: transactionExpired(0) }),
      'TRANSACTION_TOKEN_EXPIRED',
    ],
    ['the same, where Prisma does not translate it', transactionExpired(0), 'TRANSACTION_TOKEN_EXPIRED'],
    [
      'an error of SQL Server',
      known('Database error', 'P2039', {
        driverAdapterError: new DriverAdapterError({ kind: 'mssql', code: 208, message: 'x', originalCode: '208' }),
      }),
      '208',
    ],
    ['P2034 without one behind it', known('write conflict', 'P2034'), 'P2034'],
    [
      'a transaction that was not begun',
      known('Transaction API error: Unable to start a transaction in the given time.', 'P2028'),
      'P2028 not started in time',
    ],
    [
      'a transaction that took too long',
      known('A query cannot be executed on an expired transaction. The timeout for this transaction was 5 ms', 'P2028'),
      'P2028 took too long',
    ],
    ['an error without a code', new TypeError('x'), 'TypeError'],
    ['no error at all', 'oops', 'oops'],
  ])('is %s', (_, error, cause) => {
    expect(causeOf(error)).toBe(cause)
  })
})

it('says whether the work may have run', () => {
  expect(['CONNECTION_LOST', 'STATEMENT_TOKEN_EXPIRED', 'ETIMEOUT', 'TypeError'].map(mayHaveRun)).not.toContain(false)
  expect(['NOT_SENT', 'TRANSACTION_TOKEN_EXPIRED', 'LOGIN_FAILED 18456'].map(mayHaveRun)).not.toContain(true)
})
