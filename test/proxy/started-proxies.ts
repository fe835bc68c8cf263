import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type EntraServer, type EntraServerOptions, startEntraServer } from './entra-server.ts'
import { loginFor, startTestProxy, TdsClient, type TestProxy, type TestProxyOptions } from './support.ts'

/** A server for a test file, and proxies and clients that are closed after each test. */
export interface StartedProxies {
  readonly server: EntraServer
  /** @param to - the server behind it; the file's own unless given */
  start(options?: TestProxyOptions, to?: EntraServer): Promise<TestProxy>
  /** One more server. */
  another(options: EntraServerOptions): Promise<EntraServer>
  client(started: TestProxy, overrides?: Parameters<typeof TdsClient.connect>[1]): Promise<TdsClient>
  loggedIn(started: TestProxy, overrides?: Parameters<typeof loginFor>[1]): Promise<TdsClient>
  /** Leaves closing to {@link StartedProxies}. */
  keep(started: TestProxy): TestProxy
}

export function useProxies(): StartedProxies {
  const open: TestProxy[] = []
  const clients: TdsClient[] = []
  const servers: EntraServer[] = []
  let own: EntraServer | undefined

  const proxies: StartedProxies = {
    get server() {
      if (own === undefined) throw new Error('Use this inside a test: the server starts before the first one.')
      return own
    },
    async start(options = {}, to = proxies.server) {
      return proxies.keep(await startTestProxy(to, options))
    },
    async another(options) {
      const started = await startEntraServer(options)
      servers.push(started)
      return started
    },
    async client({ proxy }, overrides = {}) {
      const made = await TdsClient.connect(proxy, overrides)
      clients.push(made)
      return made
    },
    async loggedIn(started, overrides = {}) {
      const made = await proxies.client(started)
      expect(await made.logIn(loginFor(started.proxy, overrides))).toMatchObject({ kind: 'accepted' })
      return made
    },
    keep(started) {
      open.push(started)
      return started
    },
  }

  beforeAll(async () => {
    own = await startEntraServer()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await Promise.all(open.splice(0).map(({ proxy }) => proxy.close()))
    await Promise.all(servers.splice(0).map((each) => each.close()))
    proxies.server.forget()
  })
  afterAll(() => own?.close())

  return proxies
}
