import { expect, it } from 'vitest'
import { runScript } from '../support/run-script.ts'

/** The start of every JSON Web Token: base64url of `{"`. */
const JSON_WEB_TOKEN = /eyJ[\w-]{8,}/

/** On a busy machine queries may outlive tokens of a few seconds, and the demo says so. */
const codeOf = (output: string) => (/^✗ \d+ queries failed/m.test(output) ? 1 : 0)

it('the demo rotates, exits and prints no token', async () => {
  const { code, output } = await runScript('demo/main.ts', '--seconds', '12', '--token-life', '6', '--workers', '2')
  expect(output).toMatch(/tokens given by +ManagedIdentityCredential\n/)
  expect(output).toMatch(/ rotations +[1-9]/)
  expect(output).not.toMatch(JSON_WEB_TOKEN)
  expect(code, output).toBe(codeOf(output))
})

// Its fake Azure CLI is not executable on Windows.
it.skipIf(process.platform === 'win32')(
  'the demo uses its second credential if the first one fails midway',
  async () => {
    const authentication = 'AzureCli,ActiveDirectoryManagedIdentity'
    const args = ['--seconds', '10', '--token-life', '5', '--workers', '1', '--authentication', authentication]
    const { code, output } = await runScript('demo/main.ts', ...args)
    expect(output).toMatch(/^AzureCliCredential gives the tokens$/m)
    expect(output).toMatch(/tokens given by +AzureCliCredential, then ManagedIdentityCredential\n/)
    expect(output).not.toMatch(JSON_WEB_TOKEN)
    expect(code, output).toBe(codeOf(output))
  },
)

it('names the ways to sign in that can run, for one that cannot', async () => {
  const { code, output } = await runScript('demo/main.ts', '--authentication', 'ActiveDirectoryInteractive')
  expect(output).toMatch(
    /^--authentication ActiveDirectoryInteractive cannot run here: .*ActiveDirectoryManagedIdentity/,
  )
  expect(code).toBe(2)
})
