import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { AccessToken, TokenCredential } from '@azure/identity'
import { connectToServer, type LoginAnswer, logIn, type ServerAddress } from '../../src/login/client-login.ts'
import type { Target } from '../../src/login/target.ts'
import { type LoopbackProxy, startProxy } from '../../src/proxy/proxy.ts'
import type { ProxyOptions } from '../../src/proxy/settings.ts'
import type { Login7 } from '../../src/tds/login7.ts'
import { readMessage, writeMessage } from '../../src/tds/messages.ts'
import { PacketType } from '../../src/tds/packet.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { ordinaryLogin } from '../support/login7.ts'
import type { EntraServer } from './entra-server.ts'

/** Gives `token-1`, `token-2` …, and counts. */
export class CountingCredential implements TokenCredential {
  requests = 0
  /** In ms. */
  lifetime = 3_600_000
  failure: Error | undefined

  async getToken(): Promise<AccessToken> {
    this.requests++
    if (this.failure !== undefined) throw this.failure
    return { token: `token-${this.requests}`, expiresOnTimestamp: Date.now() + this.lifetime }
  }
}

/** The server as the proxy reaches it, by the name in its certificate. */
export function targetFor(server: Pick<EntraServer, 'port' | 'ca'>, overrides: Partial<Target> = {}): Target {
  return {
    host: 'localhost',
    port: server.port,
    database: 'app',
    encrypt: true,
    trustServerCertificate: false,
    tls: { ca: server.ca },
    connectTimeout: 20_000,
    ...overrides,
  }
}

/** A proxy in front of a server, and what its tokens come from. */
export interface TestProxy {
  proxy: LoopbackProxy
  credential: CountingCredential
}

export type TestProxyOptions = Omit<Partial<ProxyOptions>, 'target'> & { target?: Partial<Target> }

export async function startTestProxy(
  server: Pick<EntraServer, 'port' | 'ca'>,
  options: TestProxyOptions = {},
): Promise<TestProxy> {
  const credential = new CountingCredential()
  const tokenSource = new TokenSource(credential, { scope: 'test' })
  const proxy = await startProxy({ tokenSource, ...options, target: targetFor(server, options.target) })
  return { proxy, credential }
}

/** A LOGIN7 with the proxy's login and nothing unusual. */
export function loginFor(
  { user, password }: { user: string; password: string },
  overrides: Partial<Login7> = {},
): Login7 {
  return ordinaryLogin({ userName: user, password, serverName: '127.0.0.1', ...overrides })
}

/** A bare TDS client of a proxy. */
export class TdsClient {
  readonly socket: Socket
  readonly stream: Duplex

  private constructor(socket: Socket, stream: Duplex) {
    this.socket = socket
    this.stream = stream
  }

  static async connect(
    proxy: { host: string; port: number },
    overrides: Partial<ServerAddress> = {},
  ): Promise<TdsClient> {
    const { socket, stream } = await connectToServer(
      { host: proxy.host, port: proxy.port, encrypt: false, trustServerCertificate: false, ...overrides },
      { signal: new AbortController().signal },
    )
    stream.on('error', () => {})
    return new TdsClient(socket, stream)
  }

  logIn(login: Login7): Promise<LoginAnswer> {
    return logIn(this.stream, login)
  }

  /** Sends a message and reads the answer. */
  async ask(
    type: number = PacketType.SQL_BATCH,
    payload: Buffer = Buffer.from('SELECT 1', 'utf16le'),
  ): Promise<Buffer> {
    writeMessage(this.stream, type, payload)
    return (await readMessage(this.stream, 2 ** 20)).payload
  }

  async closed(): Promise<void> {
    this.stream.resume()
    if (!this.socket.closed) await once(this.socket, 'close')
  }

  close(): void {
    this.socket.destroy()
  }
}
