import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { anchorsOf, linksOf } from '../support/markdown.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const EXAMPLES = readdirSync(join(ROOT, 'examples')).map((name) => `examples/${name}`)
const PAGES = ['.', 'docs', 'bench', 'src/testing', 'test/engine', ...EXAMPLES].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith('.md') ? join(folder, name) : [])),
)

describe.each(PAGES)('%s', (page) => {
  const path = join(ROOT, page)
  const text = readFileSync(path, 'utf8')

  it('has no broken links', () => {
    const broken = linksOf(text).filter(([file, anchor]) => {
      const target = file === '' ? path : join(dirname(path), file)
      if (!existsSync(target)) return true
      return anchor !== '' && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

it('the test finds the pages', () => {
  expect(PAGES.length).toBeGreaterThan(15)
})
