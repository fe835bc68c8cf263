import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { AccessToken, TokenCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { printSteps, resultsAsJson, summaryOf } from '../../src/cli/doctor-report.ts'
import { type DiagnoseOptions, diagnose } from '../../src/doctor/diagnose.ts'
import type { StepId, StepResult } from '../../src/doctor/steps.ts'
import { type GatewayOptions, startGateway } from '../../src/testing/gateway/gateway.ts'
import { type CertificateRequest, createCertificateAuthority } from '../../src/x509/certificates.ts'
import { sharedUpstream } from '../integration/shared-upstream.ts'
import { type LocalAzure, startLocalAzure } from '../local-azure.ts'
import { recordedOutput } from '../support/recorded-output.ts'

/** What doctor found, and all that it wrote. */
export interface Diagnosis {
  results: readonly StepResult[]
  step(id: StepId): StepResult
  /** All steps in one line: `dns:ok tcp:failed`. */
  statuses: string
  text: string
  json: string
}

/** A local Azure for a test file, and doctor to run on it. */
export interface Practice {
  readonly azure: LocalAzure
  examine(config: MssqlConfig | string, options?: DiagnoseOptions): Promise<Diagnosis>
  /** Starts another gateway; its config, with the authority of its certificate. */
  gateway(options?: Partial<GatewayOptions>, certificate?: Partial<CertificateRequest>): Promise<MssqlConfig>
  /** A port where these are the only answers. */
  impostor(...answers: Buffer[]): Promise<number>
}

export function usePractice(): Practice {
  let azure: LocalAzure | undefined
  const closing: (() => Promise<unknown>)[] = []
  beforeAll(async () => {
    azure = await startLocalAzure({ upstream: await sharedUpstream() })
  }, 600_000)
  afterEach(async () => {
    azure?.gateway.clearFaults()
    azure?.authority.clearFaults()
    await Promise.all(closing.splice(0).map((close) => close()))
  })
  afterAll(() => azure?.close())
  const practice: Practice = {
    get azure() {
      if (azure === undefined) throw new Error('Only to be used inside a test.')
      return azure
    },
    async examine(config, options = {}) {
      const { out, text } = recordedOutput()
      const signIn = options.authentication ?? options.credential ?? options.tokenSource
      const results = await diagnose(
        config,
        { ...(signIn === undefined && { credential: practice.azure.credential() }), ...options },
        printSteps(out, true),
      )
      out.write(summaryOf(results, out))
      return {
        results,
        statuses: results.map(({ id, status }) => `${id}:${status}`).join(' '),
        step: (id) => results.find((result) => result.id === id) ?? fail(id),
        text: text(),
        json: resultsAsJson(results),
      }
    },
    async gateway(options = {}, certificate) {
      const authority = await createCertificateAuthority()
      const { key, certificate: cert } = await authority.issue({ hosts: ['localhost'], ...certificate })
      const { upstream, authority: entra } = practice.azure
      const tls = { key, certificate: cert, ca: authority.certificate }
      const gateway = await startGateway({ upstream, verification: entra.verification, tls, ...options })
      closing.push(() => gateway.close())
      return practice.azure.config({
        port: gateway.port,
        options: { cryptoCredentialsDetails: { ca: authority.certificate } },
      })
    },
    async impostor(...answers) {
      const server = createServer((socket) => {
        const left = [...answers]
        socket.on('error', () => {})
        socket.on('data', () => socket.write(left.shift() ?? ''))
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      closing.push(async () => server.close())
      return (server.address() as AddressInfo).port
    },
  }
  return practice
}

/** A credential that returns this. */
export function giving(token: () => Promise<AccessToken> | AccessToken): { credential: TokenCredential } {
  return { credential: { getToken: async () => token() } }
}

function fail(id: string): never {
  throw new Error(`There is no step ${id}.`)
}
