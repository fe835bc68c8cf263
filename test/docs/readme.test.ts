import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { codeBlocks } from '../support/markdown.ts'
import { compile } from './compile.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

describe('README.md', () => {
  it('is at most 150 lines', () => {
    expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(150)
  })
})

describe('the code of README.md, docs/options.md and docs/testing.md', () => {
  it('compiles', async () => {
    const samples = ['README.md', 'docs/options.md', 'docs/testing.md'].map((name) => codeBlocks(read(name), 'ts'))
    expect(samples.map(({ length }) => length)).toEqual([2, 3, 1])
    expect(await compile(samples.flat())).toEqual({ code: 0, output: '' })
  })
})
