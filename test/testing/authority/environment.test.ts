import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { decodeJwt } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { startAuthority } from '../../../src/testing/authority/authority.ts'

const run = promisify(execFile)

const SIGN_IN = `
  import { DefaultAzureCredential } from '@azure/identity'
  const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true, retryOptions: { maxRetries: 0 } })
  console.log((await credential.getToken('https://database.windows.net/.default')).token)
`

test.each([
  ['app-service', undefined, 'local-app'],
  ['app-service', 'local-identity', 'local-identity'],
  ['imds', undefined, 'local-app'],
  ['workload-identity', undefined, 'local-service'],
  ['workload-identity', 'local-identity', 'local-identity'],
  ['client-secret', undefined, 'local-service'],
] as const)('%s: DefaultAzureCredential of another process signs in (%s)', async (kind, asked, expected) => {
  const authority = await startAuthority()
  onTestFinished(() => authority.close())
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', SIGN_IN], {
    env: { PATH: process.env.PATH, ...authority.environment(kind, asked) },
  })
  expect(decodeJwt(stdout.trim()).oid).toBe(authority.principal(expected).objectId)
  expect(authority.issuedTokens).toEqual([stdout.trim()])
})
