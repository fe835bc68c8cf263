import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from '../../src/errors/entra-error.ts'
import { codeBlocks } from '../support/markdown.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PATH = join(ROOT, 'skills/prisma-adapter-mssql-entra/SKILL.md')
const [, head = '', text = ''] = /^---\n(.*?)\n---\n(.*)$/s.exec(readFileSync(PATH, 'utf8')) ?? []

/** Source: the specification of Agent Skills, agentskills.io. */
describe('the skill for coding agents', () => {
  it('has a name like its folder, and a description that is short enough', () => {
    const field = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(head)?.[1] ?? ''
    const [name, description] = [field('name'), field('description')]
    expect(name).toBe(basename(dirname(PATH)))
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
    expect(description.length).toBeGreaterThan(100)
    expect(description.length).toBeLessThanOrEqual(1024)
  })

  it('names only pages and error codes that exist', () => {
    const pages = [...text.matchAll(/`([a-z-]+\.md)`/g)].map(([, name = '']) => name)
    expect(pages.length).toBeGreaterThan(4)
    expect(pages.filter((name) => !existsSync(join(ROOT, 'docs', name)))).toEqual([])
    const codes = [...text.matchAll(/\b(?!DATABASE_URL|NODE_)[A-Z]{3,}(?:_[A-Z]+)+\b/g)].map(([code]) => code)
    expect(codes.length).toBeGreaterThan(10)
    expect(codes.filter((code) => !(code in ERROR_CODES))).toEqual([])
  })

  it('shows the same prisma.config.ts as the README', () => {
    const readme = codeBlocks(readFileSync(join(ROOT, 'README.md'), 'utf8'), 'ts')
    const [, config = ''] = codeBlocks(text, 'ts')
    expect(readme).toContain(config)
  })
})
