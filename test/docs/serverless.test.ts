import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { anchorsOf } from '../support/markdown.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGES = [
  'docs/serverless.md',
  ...['azure-functions', 'aws-lambda', 'nextjs', 'nestjs', 'worker'].map((name) => `examples/${name}/README.md`),
]

describe.each(PAGES)('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const links = [...text.matchAll(/\]\((?!https:)([\w./-]*)#?([\w-]*)\)/g)]

  it.each(links.map(([, file = '', anchor = '']) => [file, anchor]))('%s#%s leads somewhere', (file = '', anchor) => {
    const path = join(ROOT, dirname(page), file)
    expect(existsSync(path)).toBe(true)
    if (anchor !== '') expect(anchorsOf(readFileSync(path, 'utf8'))).toContain(anchor)
  })
})
