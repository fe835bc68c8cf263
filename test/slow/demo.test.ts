import { expect, it } from 'vitest'
import { runScript } from '../support/run-script.ts'

/** How every JSON Web Token begins, and how a piece of one reads: base64url of `{"`. */
const JSON_WEB_TOKEN = /eyJ[\w-]{8,}/

/** On a busy machine queries may outlive tokens of a few seconds, and the demo says so. */
const codeOf = (output: string) => (/^✗ \d+ queries failed/m.test(output) ? 1 : 0)

it('the demo rotates while the official adapter fails at its token’s expiry, exits and prints no token', async () => {
  const args = ['--seconds', '12', '--token-life', '6', '--workers', '2', '--compare']
  const { code, output } = await runScript('demo/main.ts', ...args)
  expect(output).toMatch(/tokens from +ManagedIdentityCredential /)
  expect(output).toMatch(/^ +rotations +[1-9]/m)
  expect(output).toMatch(/^ +failures +\d+ +[1-9]/m)
  expect(output).toMatch(/^ +logins refused +0 +[1-9]/m)
  expect(output).not.toMatch(JSON_WEB_TOKEN)
  expect(code, output).toBe(codeOf(output))
})

it('the demo applies the example’s migrations through the proxy at its end, with a token as long as real ones', async () => {
  const args = ['--seconds', '40', '--token-life', '30', '--workers', '1', '--migrate']
  const { code, output } = await runScript('demo/main.ts', ...args)
  expect(output).toMatch(/migrations applied by the proxy +1\n/)
  expect(output).toMatch(/inserts, in one batch +\d{4} rows, 30\d KB\n/)
  expect(Number(/the session had +(\d+) characters/.exec(output)?.[1])).toBeGreaterThan(1_800)
  expect(output).toMatch(/✓ Migrations and rows are there, by token\./)
  expect(output).not.toMatch(JSON_WEB_TOKEN)
  expect(code, output).toBe(0)
})
