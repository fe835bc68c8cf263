import { afterEach, describe, expect, it, vi } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { EntraError, type EntraErrorCode } from '../../src/errors/entra-error.ts'
import { PrismaCodeError, prismaError } from '../../src/errors/prisma-error.ts'
import { useDatabase } from '../integration/database.ts'
import { secretsIn, textsOf } from '../integration/secrets.ts'
import { EXPECTED, NUMBERS } from './expected.ts'
import { provocations } from './provoke.ts'

const db = useDatabase()

afterEach(() => {
  vi.unstubAllEnvs()
})

const TIMEOUT = 120_000

describe('each error comes about, says what to do, and is shown by Prisma with its own code', () => {
  it.each(Object.entries(EXPECTED) as [EntraErrorCode, (typeof EXPECTED)[EntraErrorCode]][])(
    '%s',
    async (code, [prismaCode, what, remedy]) => {
      const thrown = await provocations(db)[code]()
      const error = entraErrorOf(thrown)
      expect(error.code).toBe(code)
      expect(error.number).toBe(NUMBERS[code])
      expect(error.message).toMatch(what)
      expect(error.message).toMatch(remedy)
      expect(error.message.split('\n').at(-1)).toBe(
        `See prisma-adapter-mssql-entra/docs/errors.md#${code.toLowerCase()}`,
      )
      expect(error.message.match(/errors\.md/g)).toHaveLength(1)
      if (prismaCode === undefined) expect(prismaError(error)).toBe(error)
      else expect(prismaError(error)).toMatchObject({ code: prismaCode, message: error.message, cause: error })
      if (thrown instanceof Prisma.PrismaClientKnownRequestError) {
        expect(thrown.code).toBe(prismaCode ?? code)
        expect(thrown.message).toContain(error.message)
      }
      expect(secretsIn(textsOf(thrown).join('\n'), db.azure.authority.issuedTokens)).toEqual([])
    },
    TIMEOUT,
  )
})

/** Our error, as it was thrown or as Prisma shows it. */
function entraErrorOf(thrown: unknown): EntraError {
  if (thrown instanceof EntraError) return thrown
  if (thrown instanceof PrismaCodeError) return thrown.meta.driverAdapterError
  const { meta } = thrown as { meta?: { code?: string; driverAdapterError?: unknown } }
  if (!(meta?.driverAdapterError instanceof EntraError)) throw thrown
  expect(meta.code).toBe(meta.driverAdapterError.code)
  return meta.driverAdapterError
}
