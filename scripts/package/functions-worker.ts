/**
 * Loads a function app as the Node.js worker of Azure Functions does: `host.json` must be there, and each file that `main`
 * of `package.json` names is loaded as what `type` says. Asks its function `users`, then stops.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FunctionsHost } from '../../test/examples/functions-host.ts'

const folder = process.argv[2] ?? ''
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))

assert.equal(read('host.json').version, '2.0')
const { main, type } = read('package.json') as { main: string; type?: string }
assert.equal(basename(main), '*.js')
const files = readdirSync(join(folder, dirname(main))).filter((name) => name.endsWith('.js'))
assert.notEqual(files.length, 0, `main of package.json finds no files: ${main}`)

const host = new FunctionsHost()
host.install()
for (const file of files.map((name) => join(folder, dirname(main), name))) {
  if (type === 'module') await import(pathToFileURL(file).href)
  else createRequire(file)(file)
}
console.log(JSON.stringify((await host.get('users')).body))
await host.terminate()
