import { expect, it } from 'vitest'
import { runScript } from '../support/run-script.ts'

/** How every JSON Web Token begins, and how a piece of one reads: base64url of `{"`. */
const JSON_WEB_TOKEN = /eyJ[\w-]{8,}/

it('the demo rotates, ends by itself, and prints no token', async () => {
  const { code, output } = await runScript('demo/main.ts', '--seconds', '12', '--token-life', '6', '--workers', '2')
  expect(output).toMatch(/rotations/i)
  expect(output).not.toMatch(JSON_WEB_TOKEN)
  expect(code, output).toBe(0)
})
