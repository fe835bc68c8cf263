import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { PrismaMssqlEntra, type PrismaMssqlEntraOptions } from '../../src/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const said: string[] = []
beforeEach(() => {
  said.length = 0
  vi.stubEnv('PRISMA_ENTRA_QUIET', undefined)
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

/** A client whose credential never answers, or always fails, until it gives up. */
async function wait(options: PrismaMssqlEntraOptions = {}, connects = 1) {
  const clock = new VirtualClock()
  const silent = () => new Promise<never>(() => {})
  const adapter = new PrismaMssqlEntra('sqlserver://h', { credential: silent, clock, ...options })
  const toldAt: number[] = []
  const start = clock.now()
  for (let n = 0; n < connects; n++) {
    const failed = expect(adapter.connect()).rejects.toMatchObject({ code: 'P1000' })
    for (let ms = 0; ms < 16_000; ms += 500) {
      const before = said.length
      await clock.advance(500)
      if (said.length > before) toldAt.push(clock.now() - start)
    }
    await failed
  }
  return { toldAt, timers: clock.timers }
}

it('a process that waits says so once after 2 s: for what, how long at most, and why', async () => {
  expect(await wait()).toEqual({ toldAt: [2_000], timers: 0 })
  expect(said).toEqual([
    'prisma-adapter-mssql-entra is waiting for a token, for up to 15 s: No answer yet from silent.\n',
  ])
})

it('a process that waits for a credential that fails says why', async () => {
  const credential = () => Promise.reject(new Error('connect ECONNRESET 169.254.169.254:80'))
  await wait({ credential })
  expect(said).toEqual([expect.stringMatching(/^prisma.* for a token, for up to 15 s: .*ECONNRESET.*\n$/)])
})

it('each wait is reported, not only the first', async () => {
  expect((await wait({}, 2)).toldAt).toEqual([2_000, 18_000])
})

it('a process that waits prints nothing with onEvent, or with PRISMA_ENTRA_QUIET=1', async () => {
  await wait({ onEvent: () => {} })
  vi.stubEnv('PRISMA_ENTRA_QUIET', '1')
  await wait()
  expect(said).toEqual([])
})

it('a process prints nothing if its connection fails or opens within 2 s', async () => {
  const { toldAt, timers } = await wait({ credential: () => null as never })
  expect({ toldAt, timers, said }).toEqual({ toldAt: [], timers: 0, said: [] })
})
