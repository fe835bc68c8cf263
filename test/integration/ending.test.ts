import { afterEach, describe, expect, it, vi } from 'vitest'
import { useBundledProgram } from '../support/bundled-program.ts'
import { runProgram } from '../support/run-script.ts'
import { useDatabase } from './database.ts'
import { until } from './faults/time.ts'

const db = useDatabase()
const child = useBundledProgram('test/integration/ending.child.ts')

afterEach(() => {
  vi.unstubAllEnvs()
})

async function runToItsEnd(how: string) {
  // With $disconnect, the idle timeout is long, so it cannot hide a leak.
  const pool = { idleTimeoutMillis: how === 'disconnect' ? 600_000 : 500 }
  const token = await db.azure.credential().getToken('')
  vi.stubEnv('ENDING_TEST', JSON.stringify({ config: db.azure.config({ pool }), token }))
  return runProgram(child(), how)
}

/** The script is not killed: anything that holds the event loop makes the test time out. */
describe('a script', () => {
  it.each([
    ['creates a client and returns', 'nothing', ''],
    ['queries once and disconnects', 'disconnect', '0\n'],
    ['queries once and returns without disconnecting', 'return', '0\n'],
  ])('that %s ends by itself', async (_, how, output) => {
    expect(await runToItsEnd(how)).toEqual({ code: 0, output })
    await until(() => expect(db.azure.gateway.stats()).toMatchObject({ sessionsOpen: 0, loggingIn: 0 }))
  })
})
