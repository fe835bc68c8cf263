import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** A stand-in for the Azure CLI, first on the `PATH` of this process. */
export interface AzureCli {
  close(): Promise<void>
}

/**
 * Puts an `az` on the `PATH` that knows `account get-access-token`, and gets the token as the real one does after
 * `az login --identity`: of the Instance Metadata Service.
 */
export async function installAzureCli(imdsHost: string): Promise<AzureCli> {
  const folder = await mkdtemp(join(tmpdir(), 'azure-cli-'))
  const path = process.env.PATH
  const command = join(folder, 'az')
  await writeFile(command, programOf(imdsHost))
  await chmod(command, 0o700)
  process.env.PATH = [folder, path].join(delimiter)
  return {
    async close() {
      process.env.PATH = path
      await rm(folder, { recursive: true })
    },
  }
}

/** A script without an extension is CommonJS, which has no `await` at the top. */
function programOf(imdsHost: string): string {
  return `#!${process.execPath}
const resource = process.argv[process.argv.indexOf('--resource') + 1]
const query = new URLSearchParams({ 'api-version': '2018-02-01', resource })
fetch('${imdsHost}/metadata/identity/oauth2/token?' + query, { headers: { Metadata: 'true' } })
  .then(async (response) => {
    const { access_token: accessToken, expires_on } = await response.json()
    if (!response.ok) throw new Error("Please run 'az login' to setup account.")
    console.log(JSON.stringify({ accessToken, expires_on: Number(expires_on), tokenType: 'Bearer' }))
  })
  .catch(({ message }) => {
    console.error('ERROR: ' + message)
    process.exitCode = 1
  })
`
}
