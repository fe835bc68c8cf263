import { join } from 'node:path'
import { ROOT, run } from './support/commands.ts'
import { findNode } from './support/nodes.ts'

const help = `Runs tests on each Node that the package is for, as npm has it.

  npm run test:nodes                                  all tests on each
  npm run test:nodes -- test/token test/integration   some of them
  npm run test:nodes -- --node 26 test/token          on one, or several`

const NODES = ['20.19', '22', '24', '26']

function main(args: string[]): void {
  const nodes: string[] = []
  for (let at = args.indexOf('--node'); at >= 0; at = args.indexOf('--node')) nodes.push(...args.splice(at, 2).slice(1))
  const failed: string[] = []
  for (const version of nodes.length > 0 ? nodes : NODES) {
    const { node, env } = findNode(version)
    console.log(`\n▶ Node ${run(node, ['-v']).trim()}`)
    try {
      run(node, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...args], { env, show: true })
    } catch (error) {
      failed.push(version)
      console.error(error instanceof Error ? error.message : error)
    }
  }
  console.log(failed.length === 0 ? '\nAll passed on each.' : `\nFailed on Node ${failed.join(', ')}.`)
  if (failed.length > 0) process.exitCode = 1
}

if (process.argv.includes('--help')) console.log(help)
else main(process.argv.slice(2))
