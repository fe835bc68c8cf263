import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { StandInCommand } from './stand-in-command.ts'
import { SQL, signedIn, useAuthority } from './support.ts'

const bench = useAuthority()
const RESOURCE = 'https://database.windows.net'
const PERSON = 'person@local.test'

const folder = mkdtempSync(join(tmpdir(), 'command-line-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => vi.stubEnv('PATH', folder))

async function tokenOfPerson() {
  const { token, expiresOnTimestamp } = await bench.authority.issueToken({ principal: PERSON, audience: RESOURCE })
  return { token, expiresOn: new Date(expiresOnTimestamp) }
}

// Scripts with a `#!` are no executables on Windows.
describe.skipIf(process.platform === 'win32')('a tool on the PATH', () => {
  it('az', async () => {
    const az = new StandInCommand(folder, 'az')
    const { tenantId } = bench.authority.principal(PERSON)
    const { token, expiresOn } = await tokenOfPerson()
    const answer = {
      accessToken: token,
      expiresOn: expiresOn.toISOString().replace('T', ' ').replace('Z', '000'),
      expires_on: expiresOn.getTime() / 1000,
      subscription: '7e4a0000-0000-4000-8000-00000000000f',
      tenant: tenantId,
      tokenType: 'Bearer',
    }
    az.answer({ stdout: JSON.stringify(answer, null, 2) })
    expect(await signedIn(bench.credential('AzureCli'), bench, SQL)).toBe(PERSON)
    expect(await signedIn(bench.credential('AzureCli', { tenantId }), bench, SQL)).toBe(PERSON)
    const common = ['account', 'get-access-token', '--output', 'json', '--resource', RESOURCE]
    expect(az.calls).toEqual([common, [...common, '--tenant', tenantId]])

    az.answer({ stderr: "ERROR: Please run 'az login' to setup account.\n", exitCode: 1 })
    await expect(signedIn(bench.credential('AzureCli'), bench, SQL)).rejects.toThrow("Please run 'az login'")
  })

  it('azd', async () => {
    const azd = new StandInCommand(folder, 'azd')
    const { token, expiresOn } = await tokenOfPerson()
    azd.answer({ stdout: JSON.stringify({ token, expiresOn: expiresOn.toISOString() }) })
    expect(await signedIn(bench.credential('AzureDeveloperCli', { tenantId: 'contoso.test' }), bench, SQL)).toBe(PERSON)
    expect(azd.calls).toEqual([
      ['auth', 'token', '--output', 'json', '--no-prompt', '--scope', SQL, '--tenant-id', 'contoso.test'],
    ])

    azd.answer({ stderr: 'ERROR: not logged in, run `azd auth login` to login', exitCode: 1 })
    await expect(signedIn(bench.credential('AzureDeveloperCli'), bench, SQL)).rejects.toThrow(/run 'azd auth login'/)
  })

  it('pwsh', async () => {
    const pwsh = new StandInCommand(folder, 'pwsh')
    const { token, expiresOn } = await tokenOfPerson()
    pwsh.answer({ stdout: JSON.stringify({ ExpiresOn: expiresOn.toISOString(), Token: token }) })
    expect(await signedIn(bench.credential('AzurePowerShell', { tenantId: 'contoso.test' }), bench, SQL)).toBe(PERSON)
    expect(pwsh.calls.at(-1)).toEqual([
      '-NoProfile',
      '-NonInteractive',
      '-Command',
      expect.stringContaining('Get-AzAccessToken'),
      RESOURCE,
      'contoso.test',
    ])
  })

  // The last one: a pwsh that was not found once is not looked for again in this process.
  it('that is not installed is reported with what to do', async () => {
    vi.stubEnv('PATH', join(folder, 'empty'))
    await expect(signedIn(bench.credential('AzureCli'), bench)).rejects.toThrow(
      /Azure CLI could not be found.*'az login'/,
    )
    await expect(signedIn(bench.credential('AzureDeveloperCli'), bench)).rejects.toThrow(/Developer CLI couldn't be/)
    await expect(signedIn(bench.credential('AzurePowerShell'), bench)).rejects.toThrow(/Unable to execute PowerShell/)
  })
})
