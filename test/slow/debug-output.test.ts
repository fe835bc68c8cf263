import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useDatabase } from '../integration/database.ts'
import { secretsIn } from '../integration/secrets.ts'

const CHILD = fileURLToPath(new URL('debug-output.child.ts', import.meta.url))

/** Tokens live for seconds, so each process rotates once; but long enough for a busy machine to log in. */
const db = useDatabase({ tokenLifetime: 10_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'debug-output-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The output of a process with this environment. */
async function outputWith(environment: Record<string, string>): Promise<string> {
  const { authority, gateway, upstream } = db.azure
  const caFile = join(folder, 'gateway.pem')
  await writeFile(caFile, gateway.ca)
  const target = { port: gateway.port, database: upstream.database, caFile }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD], {
    env: {
      ...process.env,
      ...authority.environment('app-service'),
      TEST_TARGET: JSON.stringify(target),
      ...environment,
    },
    maxBuffer: 2 ** 30,
  })
  return stdout + stderr
}

it.each<[string, Record<string, string>, string]>([
  ['DEBUG=*', { DEBUG: '*' }, 'mssql:tedi'],
  ['DEBUG=prisma:*', { DEBUG: 'prisma:*' }, 'prisma:driver-adapter:mssql'],
  ['AZURE_LOG_LEVEL=verbose', { AZURE_LOG_LEVEL: 'verbose' }, 'azure:identity'],
])('the output contains no token with %s', async (_, environment, shows) => {
  const output = await outputWith(environment)
  expect(output).toContain(shows)
  expect(output).toMatch(/rotations: [1-9]/)
  const { issuedTokens, identityHeader } = db.azure.authority
  expect(issuedTokens.length).toBeGreaterThan(0)
  expect(secretsIn(output, [...issuedTokens, identityHeader, db.azure.upstream.password])).toEqual([])
})
