import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { useBundledProgram } from './support/bundled-program.ts'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const bundled = useBundledProgram('src/index.ts')

/** Tells each module as it is loaded: by `import` here, by `require` in what Node keeps of those. */
const REPORT = (index: string) => `
import { createRequire, register } from 'node:module'
import { pathToFileURL } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
const { port1, port2 } = new MessageChannel()
const imported = []
port1.on('message', (url) => imported.push(url)).unref()
register('data:text/javascript,' + encodeURIComponent(\`
  let port
  export const initialize = (given) => { port = given }
  export async function resolve(specifier, context, next) {
    const resolved = await next(specifier, context)
    port.postMessage(resolved.url)
    return resolved
  }\`), { data: port2, transferList: [port2] })
const { PrismaMssqlEntra } = await import(${JSON.stringify(index)})
const loaded = () => {
  const required = Object.keys(createRequire(import.meta.url).cache).map((path) => String(pathToFileURL(path)))
  return [...new Set([...imported, ...required])].filter((url) => url.includes('/node_modules/'))
}
const turn = () => new Promise((resolve) => setTimeout(resolve, 20))
`

/** Runs it in a process of its own. @returns what it printed, as JSON */
function report(body: string): Record<string, string[]> {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', `${REPORT(bundled())}${body}`],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, IDENTITY_ENDPOINT: 'http://127.0.0.1:9/', IDENTITY_HEADER: 'x' },
    },
  )
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

/** The packages that modules belong to, and how many of each there are. */
function countsOf(urls: readonly string[] = []): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const url of urls) {
    const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? url
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

describe('importing the package, and making an adapter', () => {
  it('loads neither the official adapter nor the driver nor @azure/identity; those come once, with the first token', () => {
    const seen = report(`
      new PrismaMssqlEntra('sqlserver://127.0.0.1:9;database=x', { authentication: 'ActiveDirectoryManagedIdentity' })
      await turn()
      const made = loaded()
      const eager = new PrismaMssqlEntra('sqlserver://127.0.0.1:9;database=x', { authentication: 'ActiveDirectoryManagedIdentity', eager: true })
      for (let i = 0; i < 500 && !loaded().some((url) => url.includes('/tedious/')); i++) await turn()
      await turn()
      console.log(JSON.stringify({ made, warm: loaded() }))
      process.exit()
    `)
    const made = countsOf(seen.made)
    expect(made['@tediousjs/connection-string']).toBeGreaterThan(0)
    const wanted = ['@prisma/debug', '@prisma/driver-adapter-utils', '@tediousjs/connection-string']
    expect(Object.keys(made).filter((name) => !wanted.includes(name))).toEqual([])

    const warm = countsOf(seen.warm)
    for (const name of ['@azure/identity', '@prisma/adapter-mssql', 'mssql', 'tedious']) {
      expect(warm[name], name).toBeGreaterThan(0)
    }
    // Each of its modules once: not those for \`import\` beside those for \`require\`.
    const identity = seen.warm?.filter((url) => url.includes('/@azure/identity/')) ?? []
    expect(identity.filter((url) => url.includes('/esm/'))).toEqual([])
  })
})
