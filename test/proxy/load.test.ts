import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { type EntraServer, startEntraServer } from './entra-server.ts'
import { loginFor, startTestProxy, TdsClient, type TestProxy } from './support.ts'

let server: EntraServer
let started: TestProxy

async function start(serve?: (stream: Duplex) => Promise<void>): Promise<void> {
  server = await startEntraServer(serve && { serve })
  started = await startTestProxy(server, { loginTimeout: 120_000, target: { connectTimeout: 120_000 } })
}
afterEach(async () => {
  await started.proxy.close()
  await server.close()
})

async function loggedIn(): Promise<TdsClient> {
  const client = await TdsClient.connect(started.proxy)
  expect(await client.logIn(loginFor(started.proxy))).toMatchObject({ kind: 'accepted' })
  return client
}

describe('200 connections at once', () => {
  it('are served, each by its own connection, with one token for all', async () => {
    await start()
    const clients = await Promise.all(Array.from({ length: 200 }, loggedIn))
    expect(started.proxy.stats()).toMatchObject({ connectionsOpen: 200, sessionsOpen: 200, failures: 0 })
    expect(server.sockets.size).toBe(200)
    expect(started.credential.requests).toBe(1)
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 5; i++) expect(await client.ask()).toEqual(encodeDone(DoneStatus.FINAL))
      }),
    )
    for (const client of clients) client.close()
    await vi.waitFor(
      () => {
        expect(started.proxy.stats()).toMatchObject({ connectionsOpen: 0, sessionsOpen: 0 })
        expect(server.sockets.size).toBe(0)
      },
      { timeout: 60_000 },
    )
  })
})

describe('one end that does not read', () => {
  const CHUNK = Buffer.alloc(2 ** 16, 1)
  const MUCH = 256 * 2 ** 20

  /** Writes without waiting for longer than the other end reads; gives how many bytes it got rid of. */
  async function flood(stream: Duplex): Promise<number> {
    let written = 0
    while (written < MUCH) {
      if (!stream.write(CHUNK)) {
        const drained = await Promise.race([
          once(stream, 'drain').then(() => true),
          new Promise<false>((resolve) => setTimeout(() => resolve(false), 1_000)),
        ])
        if (!drained) break
      }
      written += CHUNK.length
    }
    return written
  }

  it('makes the server wait, while the proxy buffers little', async () => {
    let flooded: Promise<number> | undefined
    await start(async (stream) => {
      flooded = flood(stream)
      await flooded
    })
    const client = await loggedIn()
    client.stream.pause()
    await vi.waitFor(() => expect(flooded).toBeDefined())
    // Sockets of loopback take some megabytes by themselves.
    expect(await flooded).toBeLessThan(32 * 2 ** 20)
    client.close()
  })

  it('makes the client wait, while the proxy buffers little', async () => {
    await start(async (stream) => {
      stream.pause()
      await once(stream, 'close')
    })
    const client = await loggedIn()
    expect(await flood(client.stream)).toBeLessThan(32 * 2 ** 20)
    client.close()
  })
})
