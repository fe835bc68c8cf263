import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { type Engine, startEngine } from './engine/engine.ts'

/** How to log in on the engine that test files share. */
export type SharedEngine = Pick<Engine, 'host' | 'port' | 'user' | 'password'>

declare module 'vitest' {
  interface ProvidedContext {
    /** Where a test file asks for it. */
    sharedEngineUrl: string
  }
}

/**
 * Vitest's global setup: one engine for all test files that ask for it, started when the first of them does. Each makes
 * a database of its own there.
 */
export default async function setUp({ provide }: TestProject): Promise<() => Promise<void>> {
  let engine: Promise<Engine> | undefined
  const server = createServer((_request, response) => {
    engine ??= startEngine()
    engine.then(
      ({ host, port, user, password }) => response.end(JSON.stringify({ host, port, user, password })),
      (error) => response.writeHead(500).end(String(error)),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  provide('sharedEngineUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return async () => {
    server.closeAllConnections()
    server.close()
    await (await engine?.catch(() => undefined))?.close()
  }
}
