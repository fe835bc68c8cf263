import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { runNpm } from './commands.ts'

/**
 * Another Node, as the npm package `node` has it; npx keeps it, so that the next time is quick.
 *
 * @returns where it is, and an environment in which `node` is this one too
 */
export function findNode(version: string): { node: string; env: Record<string, string> } {
  const folder = mkdtempSync(join(tmpdir(), 'find-node-'))
  try {
    const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath']
    const node = runNpm(args, { cwd: folder }).trim()
    return { node, env: { PATH: [dirname(node), process.env.PATH].join(delimiter) } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
