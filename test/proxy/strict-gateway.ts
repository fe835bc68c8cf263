import type { Duplex } from 'node:stream'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { agreedPacketSize, type LoginToken } from '../../src/tds/login-response.ts'
import type { Login7 } from '../../src/tds/login7.ts'
import { readMessage, writeMessage } from '../../src/tds/messages.ts'
import { PacketType } from '../../src/tds/packet.ts'
import { Encryption } from '../../src/tds/prelogin.ts'
import {
  type Authority,
  type Gateway,
  type GatewayOptions,
  startAuthority,
  startGateway,
} from '../../src/testing/index.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { type EntraServer, startEntraServer } from './entra-server.ts'
import { loginFor, startTestProxy, TdsClient, type TestProxy } from './support.ts'

/** Principals whose tokens are at least as long as Entra ID's: a managed identity's, and one of many groups. */
export const PRINCIPALS = [2_000, 4_500].map((length, i) => ({
  kind: 'user-assigned' as const,
  name: `tokens-of-${length}`,
  clientId: `7e4a0000-0000-4000-8000-0000000000a${i}`,
  objectId: `7e4a0000-0000-4000-8000-0000000000b${i}`,
  tenantId: '7e4a0000-0000-4000-8000-000000000001',
  resourceId: `/subscriptions/${'x'.repeat(length)}`,
}))

/** How a client is logged in through a proxy. */
export interface SessionOptions {
  /** How the proxy speaks to the server. */
  server: true | 'strict'
  /** How the client speaks to the proxy. @defaultValue false */
  client?: boolean | 'strict' | undefined
  principal?: string | undefined
  login?: Partial<Login7>
}

/** A client that is logged in. */
export interface Session {
  started: Pick<TestProxy, 'proxy'>
  client: TdsClient
  /** What it was answered. */
  tokens: LoginToken[]
  /** What it agreed to, in bytes. */
  packetSize: number
  /** Sends a request, and gives what comes back. */
  exchange(payload: Buffer): Promise<Buffer>
}

/** Gateways that keep all rules of their kind, before a server that sends back what it is sent. */
export interface StrictGateway {
  /** The tokens that were given out, in their order. */
  readonly tokens: string[]
  start(options?: Partial<GatewayOptions>): Promise<Gateway>
  session(gateway: Gateway, way: SessionOptions): Promise<Session>
  /** To be closed after the test. */
  keep<T extends { close(): unknown }>(opened: T): T
}

const MAX_ANSWER = 2 ** 22

export function useStrictGateway(): StrictGateway {
  let behind: EntraServer
  let authority: Authority
  const closing: { close(): unknown }[] = []
  const tokens: string[] = []

  /** In packets of the size that was agreed on. */
  async function sendBack(stream: Duplex): Promise<void> {
    const packetSize = behind.logins.at(-1)?.login.packetSize
    for (;;) {
      const { payload } = await readMessage(stream, MAX_ANSWER)
      await writeMessage(stream, PacketType.TABULAR_RESULT, payload, packetSize)
    }
  }

  beforeAll(async () => {
    authority = await startAuthority({ principals: PRINCIPALS })
    behind = await startEntraServer({ encryption: Encryption.NOT_SUPPORTED, serve: sendBack })
  })
  afterEach(async () => {
    for (const each of closing.splice(0).reverse()) await each.close()
    behind.forget()
    tokens.length = 0
  })
  afterAll(async () => {
    await behind?.close()
    await authority?.close()
  })

  const azure: StrictGateway = {
    tokens,
    async start(options = {}) {
      const upstream = { host: '127.0.0.1', port: behind.port, user: 'sa', password: 'geheim', encrypt: false }
      return azure.keep(await startGateway({ upstream, verification: authority.verification, ...options }))
    },
    async session(gateway, { server, client: encrypt = false, principal = PRINCIPALS[0]?.name, login = {} }) {
      const getToken = async () => {
        const issued = await authority.issueToken(principal === undefined ? {} : { principal })
        tokens.push(issued.token)
        return issued
      }
      const tokenSource = new TokenSource({ getToken }, { scope: 'test' })
      const started = await startTestProxy(gateway, { tokenSource, target: { encrypt: server } })
      azure.keep(started.proxy)
      const client = azure.keep(
        await TdsClient.connect(started.proxy, { encrypt, tls: { ca: started.proxy.ca }, serverName: 'localhost' }),
      )
      const answer = await client.logIn(loginFor(started.proxy, login))
      if (answer.kind !== 'accepted') throw new Error('The login was not accepted.', { cause: answer })
      const packetSize = agreedPacketSize(answer.tokens)
      return {
        started,
        client,
        tokens: answer.tokens,
        packetSize,
        async exchange(payload) {
          void writeMessage(client.stream, PacketType.SQL_BATCH, payload, packetSize)
          return (await readMessage(client.stream, MAX_ANSWER)).payload
        },
      }
    },
    keep(opened) {
      closing.push(opened)
      return opened
    },
  }
  return azure
}

/** Bytes in which nothing stands twice where a packet might begin. */
export const bytesOf = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 251))
