import { afterAll, afterEach, beforeAll } from 'vitest'
import {
  type Authority,
  type Gateway,
  type GatewayOptions,
  startAuthority,
  startGateway,
} from '../../../src/testing/index.ts'
import { startMinimalServer } from './minimal-server.ts'

/** Gateways that keep all rules of their kind, before a server without TLS. */
export interface StrictGateways {
  readonly authority: Authority
  readonly server: Awaited<ReturnType<typeof startMinimalServer>>
  /** A gateway of its own, which is closed after the test. */
  start(options?: Partial<GatewayOptions>): Promise<Gateway>
  token(principal?: string): Promise<string>
}

export function useStrictGateways(): StrictGateways {
  let authority: Authority
  let server: Awaited<ReturnType<typeof startMinimalServer>>
  const gateways: Gateway[] = []
  beforeAll(async () => {
    authority = await startAuthority()
    server = await startMinimalServer('geheim')
  })
  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((gateway) => gateway.close()))
  })
  afterAll(async () => {
    await server?.close()
    await authority?.close()
  })
  return {
    get authority() {
      return authority
    },
    get server() {
      return server
    },
    async start(options = {}) {
      const upstream = { host: '127.0.0.1', port: server.port, user: 'sa', password: 'geheim', encrypt: false }
      const gateway = await startGateway({ upstream, verification: authority.verification, ...options })
      gateways.push(gateway)
      return gateway
    },
    async token(principal) {
      return (await authority.issueToken(principal === undefined ? {} : { principal })).token
    },
  }
}
