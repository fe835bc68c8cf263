import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EXIT_CODES, ExitCode } from '../../src/cli/process.ts'
import { readConfig } from '../../src/config/config.ts'
import { URL_FORMATS } from '../../src/proxy/connection-strings.ts'
import { tableRows } from '../support/markdown.ts'

const guide = readFileSync(new URL('../../docs/prisma-commands.md', import.meta.url), 'utf8')

describe('docs/prisma-commands.md', () => {
  const strings = [...guide.matchAll(/sqlserver:\/\/myserver[^"\s]*/g)].map(([text]) => text)

  it.each(strings)('has a connection string that is accepted without a warning: %s', (text) => {
    expect(readConfig(text).warnings).toEqual([])
  })

  it('has several connection strings', () => {
    expect(strings.length).toBeGreaterThan(4)
  })

  it('lists every exit code and format', () => {
    const codes = tableRows(guide).flatMap(([cell = '']) =>
      /^[\d, ]+$/.test(cell) ? cell.split(', ').map(Number) : [],
    )
    const ofExec = [ExitCode.USAGE, ExitCode.EXEC_FAILED, ExitCode.NOT_EXECUTABLE, ExitCode.NOT_FOUND]
    expect(codes).toEqual(ofExec)
    for (const code of Object.values(ExitCode)) expect(EXIT_CODES).toMatch(new RegExp(`^  .*\\b${code}\\b`, 'm'))
    for (const format of URL_FORMATS) expect(guide).toContain(`\`${format}\``)
  })
})
