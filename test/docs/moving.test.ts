import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { EntraError, type EntraErrorCode } from '../../src/errors/entra-error.ts'
import { prismaError } from '../../src/errors/prisma-error.ts'
import { codeBlocks, tableRows } from '../support/markdown.ts'

const guide = readFileSync(new URL('../../docs/moving.md', import.meta.url), 'utf8')
const samples = codeBlocks(guide, 'ts')

/** The fields that tedious requires for a type. */
const FIELDS: Readonly<Record<string, object>> = {
  'azure-active-directory-service-principal-secret': {
    clientId: '7e4a0000-0000-4000-8000-0000000c1130',
    clientSecret: 'secret',
  },
  'azure-active-directory-password': { userName: 'person@local.test', password: 'secret' },
  'azure-active-directory-access-token': { token: 'secret' },
}

describe('the connection strings of docs/moving.md', () => {
  const after = samples.flatMap((code) =>
    [...code.matchAll(/new PrismaMssqlEntra\('([^']+)'/g)].map(([, text]) => text),
  )
  const listed = codeBlocks(guide, 'sh').flatMap((code) => code.match(/^sqlserver:.*$/gm) ?? [])

  it.each([...after, ...listed])('%s is accepted without a warning', (text = '') => {
    expect(readConfig(text).warnings).toEqual([])
  })

  it('include every sample of the page', () => {
    expect([after.length, listed.length]).toEqual([4, 3])
  })

  it('have a rejected password in the sample of the official adapter', () => {
    const [, before = ''] = /new PrismaMssql\('([^']+)'/.exec(guide) ?? []
    expect(() => readConfig(before)).toThrow(expect.objectContaining({ code: 'CONFIG_CREDENTIALS' }))
  })
})

describe('a row of docs/moving.md', () => {
  const rows = tableRows(guide)

  const types = rows.flatMap(([names = '', write = '']) =>
    [...names.matchAll(/`(azure-active-directory-[\w-]+|token-credential)`/g)].map(
      ([, type = '']) => [type, write] as const,
    ),
  )

  it.each(types)('says what becomes of %s: %s', (type, write) => {
    const read = () => readConfig({ server: 'h', authentication: { type, options: FIELDS[type] ?? {} } } as never)
    if (!write.startsWith('the same')) return expect(read).toThrow(EntraError)
    const [, method = 'ActiveDirectoryServicePrincipal'] = /authentication: '(\w+)'/.exec(write) ?? []
    return expect(read().signIns[0]?.method).toBe(method)
  })

  it('exists for each authentication type', () => {
    expect(types).toHaveLength(7)
  })

  const codes = [...guide.matchAll(/(P\d{4}) \(`([A-Z_]+)`\)/g)].map(([, prisma, code]) => [code, prisma] as const)

  it.each(codes)('says that %s is %s in Prisma', (code, prisma) => {
    expect(prismaError(new EntraError(code as EntraErrorCode, 'it failed'))).toMatchObject({ code: prisma })
  })

  it('exists for several codes', () => {
    expect(codes.length).toBeGreaterThan(4)
  })
})
