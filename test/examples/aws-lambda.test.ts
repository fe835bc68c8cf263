import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { entraCredential, type GetAssertion, tokenOfRole } from '../../examples/aws-lambda/src/credential.ts'
import { createHandler } from '../../examples/aws-lambda/src/users.ts'
import { type SecurityTokenService, startSts } from './sts.ts'
import { ANN, BOB, useExampleDatabase } from './support.ts'

const db = useExampleDatabase()
let folder: string
let sts: SecurityTokenService

/** The signature that the directory trusts: the authority signs in place of AWS. */
async function federatedToken(): Promise<string> {
  const path = join(folder, 'token')
  await db.azure.authority.writeFederatedToken(path, { lifetime: 300_000 })
  return readFile(path, 'utf8')
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lambda-'))
  sts = await startSts(federatedToken)
  const { tenantId, clientId } = db.azure.authority.principal('local-service')
  const environment = {
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: clientId,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_SESSION_TOKEN: 'test',
    AWS_ENDPOINT_URL_STS: sts.url,
  }
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
})
afterEach(async () => {
  await sts.close()
  await rm(folder, { recursive: true })
})

/** Like Lambda, loads the module and calls its handler with one event at a time. */
async function invoke(getAssertion?: GetAssertion, queries: Record<string, string>[] = [{}]) {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  const { handler, prisma } = createHandler(entraCredential(getAssertion, db.azure.authority.clientOptions()))
  try {
    const answers = []
    for (const queryStringParameters of queries) {
      const event = { version: '2.0', rawPath: '/users', queryStringParameters } as unknown as APIGatewayProxyEventV2
      const { statusCode, body } = await handler(event, { awsRequestId: '1' } as Context)
      answers.push({ statusCode, body: JSON.parse(body ?? '') })
    }
    return answers
  } finally {
    await prisma.$disconnect()
  }
}

describe('examples/aws-lambda', () => {
  it('signs in once for all invocations with the token that STS gives its role', async () => {
    expect(await invoke(undefined, [{}, { role: 'admin' }])).toEqual([
      { statusCode: 200, body: [ANN, BOB] },
      { statusCode: 200, body: [ANN] },
    ])
    expect(sts.requests.map((form) => Object.fromEntries(form))).toEqual([
      expect.objectContaining({
        Action: 'GetWebIdentityToken',
        'Audience.member.1': 'api://AzureADTokenExchange',
        SigningAlgorithm: 'RS256',
      }),
    ])
    expect(db.azure.authority.stats().byEndpoint).toMatchObject({ token: 1, 'app-service': 0 })
    // The official adapter's test login, and the connection that both invocations share.
    expect(db.azure.gateway.stats().logins).toBeLessThanOrEqual(2)
  })

  it('requests a new token from STS before the old one expires', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const getAssertion = tokenOfRole()
      await getAssertion()
      await getAssertion()
      expect(sts.requests).toHaveLength(1)
      vi.setSystemTime(Date.now() + 270_000)
      await getAssertion()
      expect(sts.requests).toHaveLength(2)
    } finally {
      vi.useRealTimers()
    }
  })

  it('accepts another source of assertions', async () => {
    expect(await invoke(federatedToken)).toEqual([{ statusCode: 200, body: [ANN, BOB] }])
    expect(sts.requests).toEqual([])
  })

  it('reports Entra’s message if Entra does not trust the token', async () => {
    const path = join(folder, 'other')
    await db.azure.authority.writeFederatedToken(path, { claims: { sub: 'arn:aws:iam::123456789012:role/other' } })
    await expect(invoke(() => readFile(path, 'utf8'))).rejects.toThrow(/AADSTS700213.*role\/other/s)
  })
})
