import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { runs } from '../support/property-runs.ts'

/** What is printed of a string: the error, or the warnings and how to sign in. */
function seen(text: string): string {
  try {
    const { signIns, warnings } = readConfig(text)
    return `${inspect({ signIns, warnings }, { depth: 9, showHidden: true })} ${JSON.stringify({ signIns, warnings })}`
  } catch (error) {
    expect(error).toBeInstanceOf(EntraError)
    return inspect(error, { depth: 9, showHidden: true })
  }
}

/** Texts that are made of what means something in a connection string. */
const tricky = fc.string({ unit: fc.constantFrom(...'a;={}"\' \\[].,:@é\n'), minLength: 1 })

describe('a value in quotes', () => {
  it.each([
    ['braces', (value: string) => `sqlserver://h;encrypt=true;database={${value.replaceAll('}', '}}')}};schema=s`],
    ['braces, in JDBC', (value: string) => `jdbc:sqlserver://h;database={${value.replaceAll('}', '}}')}};schema=s`],
    ['double quotes', (value: string) => `Server=h;Database="${value.replaceAll('"', '""')}";Schema=s`],
    ['single quotes', (value: string) => `Server=h;Database='${value.replaceAll("'", "''")}';Schema=s`],
    ['braces, in ODBC', (value: string) => `Server=h;Database={${value.replaceAll('}', '}}')}};Schema=s`],
  ])('is read unchanged: %s', (_, write) => {
    fc.assert(
      fc.property(tricky, (value) => {
        expect(readConfig(write(value))).toMatchObject({ config: { database: value }, schema: 's', warnings: [] })
      }),
    )
  })
})

describe('any text', () => {
  const pieces = [
    'sqlserver://',
    'jdbc:',
    'Server=',
    'h',
    ':1',
    'database=',
    ';',
    '{',
    '}',
    '"',
    '=',
    '__proto__=',
    ' ',
  ]
  it.each([
    ['of letters', fc.string()],
    ['of what means something', tricky],
    ['of pieces', fc.array(fc.constantFrom(...pieces)).map((all) => all.join(''))],
  ])('%s yields a config with a server or an EntraError', (_, texts) => {
    fc.assert(
      fc.property(texts, (text) => {
        try {
          expect(readConfig(text).config.server).not.toBe('')
        } catch (error) {
          expect(error).toBeInstanceOf(EntraError)
        }
      }),
      runs(500),
    )
  })
})

describe('a secret', () => {
  const LETTERS = '§¤Ж'
  const secret = fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 1 })
  const secretWithQuotes = fc.string({ unit: fc.constantFrom(...LETTERS, ...';={}"\' @:/\\'), minLength: 1 })
  const secretWithSemicolons = fc.string({ unit: fc.constantFrom(...LETTERS, ...'; }='), minLength: 1 })
  const name = fc.constantFrom(
    ...['password', 'PWD', 'Pass word', 'clientSecret', 'client_secret', 'AADSecurePrincipalSecret', 'accessToken'],
    ...['msiSecret', 'trustStorePassword', 'pasword', 'secretKey'],
  )
  const other = fc.constantFrom(
    ...['database=app', 'database', 'database={a', 'database="a', 'database={a}b', 'Database=b', 'foo=1', '=1', ';'],
    ...['encrypt=maybe', 'connectTimeout=x', 'port=0', 'user=sa', 'authentication=magic', 'authentication=AzureCli'],
    ...['authentication=ActiveDirectoryServicePrincipal', 'user=11111111-2222-3333-4444-555555555555'],
  )
  const start = fc.constantFrom('sqlserver://h', 'sqlserver://h:0', 'sqlserver://', 'jdbc:sqlserver://h', 'Server=h')

  const neverSeen = (secretPart: fc.Arbitrary<string>) =>
    fc.assert(
      fc.property(start, fc.array(other), secretPart, fc.array(other), (address, before, middle, after) => {
        const shown = seen([address, ...before, middle, ...after].join(';'))
        expect([...LETTERS].filter((letter) => shown.includes(letter))).toEqual([])
      }),
      runs(1000),
    )

  it('is never revealed', () => neverSeen(fc.tuple(name, secret).map((pair) => pair.join('='))))

  it('is never revealed in quotes', () => {
    neverSeen(
      fc.oneof(
        fc.tuple(name, secretWithQuotes).map(([key, value]) => `${key}={${value.replaceAll('}', '}}')}}`),
        fc.tuple(name, secretWithQuotes).map(([key, value]) => `${key}="${value.replaceAll('"', '""')}"`),
      ),
    )
  })

  it('is never revealed with unclosed quotes', () => {
    neverSeen(
      fc.tuple(name, fc.constantFrom('{', '"', "'"), secret).map(([key, quote, value]) => `${key}=${quote}${value}`),
    )
  })

  it('is never revealed with semicolons outside of quotes', () => {
    neverSeen(fc.tuple(name, secretWithSemicolons).map((pair) => pair.join('=')))
  })

  it('is never revealed without its name', () => neverSeen(secret))

  it('is never revealed before the host', () => {
    fc.assert(
      fc.property(secretWithSemicolons, (value) => {
        for (const scheme of ['sqlserver', 'mssql', 'jdbc:sqlserver']) {
          expect(seen(`${scheme}://sa:${value}@h:1433/app`)).not.toMatch(/[§¤Ж]/)
        }
      }),
    )
  })
})
