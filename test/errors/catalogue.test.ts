import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { EntraError, type EntraErrorCode, textOf } from '../../src/errors/entra-error.ts'
import { PrismaCodeError, prismaError } from '../../src/errors/prisma-error.ts'
import { useDatabase } from '../integration/database.ts'
import { secretsIn, textsOf } from '../integration/secrets.ts'
import { EXPECTED, NUMBERS } from './expected.ts'
import { NO_SUCH_HOST, provocations } from './provoke.ts'

const db = useDatabase()
const guide = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')

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
      expect(masked(textOf(error))).toBe(masked(sampleOf(code)))
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

/** The sample in a code's section of docs/errors.md. */
function sampleOf(code: string): string {
  const [, sample = ''] = new RegExp(`^## ${code}$.*?^\`\`\`\\n(.*?)\\n\`\`\`$`, 'ms').exec(guide) ?? []
  return sample
}

/** A message without what differs from one run to the next: numbers, ids, times, names and places. */
function masked(message: string): string {
  return message
    .replaceAll(NO_SUCH_HOST, 'myserver.database.windows.net')
    .replaceAll(db.azure.upstream.database, 'app')
    .replace(/[0-9A-Fa-f]{8}-[-0-9A-Fa-f]{27}|0x[0-9A-F]+/g, 'ID')
    .replace(/ imported from \S+(?=\))/, '')
    .replace(/tedious.*? cannot be used: .*?(?=\. No statement)/, 'WHY')
    .replace(/\d[\d.:TZ-]*/g, 'N')
}

/** Our error, as it was thrown or as Prisma shows it. */
function entraErrorOf(thrown: unknown): EntraError {
  if (thrown instanceof EntraError) return thrown
  if (thrown instanceof PrismaCodeError) return thrown.meta.driverAdapterError
  const { meta } = thrown as { meta?: { code?: string; driverAdapterError?: unknown } }
  if (!(meta?.driverAdapterError instanceof EntraError)) throw thrown
  expect(meta.code).toBe(meta.driverAdapterError.code)
  return meta.driverAdapterError
}
