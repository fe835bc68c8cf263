import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ClientSecretCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from '@azure/identity'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PrismaClient } from '../../generated/prisma/client.ts'
import { type AdapterEvent, PrismaMssqlEntra } from '../../src/index.ts'
import type { EnvironmentKind } from '../../src/testing/authority/environment.ts'
import { useDatabase } from './database.ts'

const db = useDatabase()

beforeEach(() => {
  db.azure.authority.resetStats()
})
afterEach(() => {
  vi.unstubAllEnvs()
})

function stubEnvironment(kind: EnvironmentKind): void {
  for (const [name, value] of Object.entries(db.azure.authority.environment(kind))) vi.stubEnv(name, value)
}

/** Runs a few queries and returns how many tokens each endpoint gave for them. */
async function signIn(prisma: PrismaClient): Promise<Record<string, number>> {
  await Promise.all(Array.from({ length: 4 }, () => prisma.user.count()))
  const { 'app-service': appService, imds, token } = db.azure.authority.stats().byEndpoint
  return { appService, imds, token }
}
const signInWith = (credential: TokenCredential) => signIn(db.connect({ credential }).prisma)

describe('Prisma Client signs in with', () => {
  it('ManagedIdentityCredential, on App Service', async () => {
    stubEnvironment('app-service')
    expect(await signInWith(new ManagedIdentityCredential())).toEqual({ appService: 1, imds: 0, token: 0 })
  })

  it('ClientSecretCredential', async () => {
    const { authority } = db.azure
    const { tenantId, clientId, secret = '' } = authority.principal('local-service')
    const credential = new ClientSecretCredential(tenantId, clientId, secret, authority.clientOptions())
    expect(await signInWith(credential)).toEqual({ appService: 0, imds: 0, token: 1 })
  })

  it('WorkloadIdentityCredential', async () => {
    const { authority } = db.azure
    const { tenantId, clientId } = authority.principal('local-service')
    const folder = await mkdtemp(join(tmpdir(), 'workload-identity-'))
    try {
      const tokenFilePath = join(folder, 'token')
      await authority.writeFederatedToken(tokenFilePath)
      const options = { tenantId, clientId, tokenFilePath, ...authority.clientOptions() }
      expect(await signInWith(new WorkloadIdentityCredential(options))).toEqual({ appService: 0, imds: 0, token: 1 })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('DefaultAzureCredential if no credential is given', async () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) vi.stubEnv(name, undefined)
    stubEnvironment('app-service')
    const prisma = new PrismaClient({ adapter: new PrismaMssqlEntra(db.azure.config()) })
    try {
      // MSAL may still have the token of the previous test: its cache is process-wide.
      expect(await signIn(prisma)).toMatchObject({ imds: 0, token: 0 })
    } finally {
      await prisma.$disconnect()
    }
  })
})

describe('Prisma Client', () => {
  const credentialOptions = () => db.azure.authority.clientOptions()

  it('signs in with the credential that the connection string names', async () => {
    const { tenantId, clientId, secret = '' } = db.azure.authority.principal('local-service')
    const text = db.azure.connectionString({
      trustServerCertificate: 'true',
      authentication: 'Active Directory Service Principal',
      user: clientId,
      password: secret,
      tenantId,
    })
    const prisma = new PrismaClient({ adapter: new PrismaMssqlEntra(text, { credentialOptions: credentialOptions() }) })
    try {
      expect(await signIn(prisma)).toEqual({ appService: 0, imds: 0, token: 1 })
    } finally {
      await prisma.$disconnect()
    }
  })

  it('signs in with the second credential of a list if the first cannot get a token', async () => {
    stubEnvironment('workload-identity')
    const events: AdapterEvent[] = []
    const sealed = () => Promise.reject(new Error('the vault is sealed'))
    const { prisma } = db.connect({
      credential: [sealed, 'ActiveDirectoryWorkloadIdentity'],
      credentialOptions: credentialOptions(),
      onEvent: (event) => events.push(event),
    })
    expect(await signIn(prisma)).toEqual({ appService: 0, imds: 0, token: 1 })
    expect(events.find(({ type }) => type === 'token.acquired')).toMatchObject({
      credential: 'WorkloadIdentityCredential',
      failed: [{ credential: 'sealed', reason: 'the vault is sealed' }],
    })
  })

  it('reports why none of several credentials could get a token', async () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) vi.stubEnv(name, undefined)
    const { prisma } = db.connect({ credential: ['Environment', 'ActiveDirectoryWorkloadIdentity'] })
    await expect(prisma.user.count()).rejects.toThrow(
      /None of 2 credentials could get a token:\n- EnvironmentCredential: .*lacks AZURE_TENANT_ID.*\n- WorkloadId/,
    )
  })

  it('signs in with a function that returns only a token', async () => {
    const { prisma } = db.connect({ credential: async () => (await db.azure.authority.issueToken()).token })
    expect(await signIn(prisma)).toEqual({ appService: 0, imds: 0, token: 0 })
  })
})
