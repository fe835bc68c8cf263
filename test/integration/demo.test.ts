import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = join(fileURLToPath(import.meta.url), '../../..')

/** How every JSON Web Token begins, and how a piece of one reads: base64url of `{"`. */
const JSON_WEB_TOKEN = /eyJ[\w-]{8,}/

function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

it('the demo rotates, ends by itself, and prints no token', async () => {
  const { code, output } = await run('demo/main.ts', '--seconds', '12', '--token-life', '6', '--workers', '2')
  expect(output).toMatch(/rotations/i)
  expect(output).not.toMatch(JSON_WEB_TOKEN)
  expect(code, output).toBe(0)
})
