import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { codeBlocks } from '../support/markdown.ts'
import { compile } from './compile.ts'

/** The pages with TypeScript, and how many samples of it each has. */
const PAGES = {
  'README.md': 2,
  'docs/moving.md': 7,
  'docs/operations.md': 6,
  'docs/options.md': 3,
  'docs/prisma-commands.md': 1,
  'docs/testing.md': 1,
}

/** Azure Monitor's distribution and its hundred packages are not installed here: its readme names these. */
const DISTRIBUTION = `declare module '@azure/monitor-opentelemetry' {
  interface InstrumentationOptions { azureSdk?: { enabled?: boolean }; http?: { enabled?: boolean } }
  function useAzureMonitor(options?: { instrumentationOptions?: InstrumentationOptions }): void
}`

const pages = Object.keys(PAGES).map((page) => {
  const samples = codeBlocks(readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8'), 'ts')
  return { page, samples }
})

it('each page has its samples of code', () => {
  expect(Object.fromEntries(pages.map(({ page, samples }) => [page, samples.length]))).toEqual(PAGES)
})

it('the code of README.md and docs/ compiles', async () => {
  const files: Record<string, string> = { 'distribution.ts': DISTRIBUTION }
  for (const { page, samples } of pages) {
    const nameOf = (index: number) => `${page.replaceAll('/', '-')}-${index}.ts`
    const pino = samples.findIndex((code) => code.includes('function logTo'))
    for (const [index, code] of samples.entries()) files[nameOf(index)] = code.replace('./pino.ts', `./${nameOf(pino)}`)
  }
  expect(await compile(files)).toEqual({ code: 0, output: '' })
})
