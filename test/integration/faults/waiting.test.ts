import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useBundledProgram } from '../../support/bundled-program.ts'
import { runProgram } from '../../support/run-script.ts'
import { useFaultyAzure } from './support.ts'

const azure = useFaultyAzure()
const child = useBundledProgram('test/integration/faults/waiting.child.ts')

beforeEach(() => {
  const { authority, db, gateway } = azure
  const config = db.azure.config({ port: gateway.port, options: { cryptoCredentialsDetails: { ca: gateway.ca } } })
  const environment = { ...authority.environment('app-service'), WAITING_TEST: JSON.stringify(config) }
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const run = (...how: string[]) => runProgram(child(), ...how)

/** While it waits, only timers are left. Node ends a process whose timers are all `unref`'d (exit code 13). */
describe('a script whose first query', () => {
  it.each(['query', 'warmUp'])('waits for a paused database does not end before it (%s)', async (first) => {
    const paused = azure.gateway.inject({ at: 'login', action: { refuse: { number: 40613 } }, times: 2 })
    expect(await run(first)).toEqual({ code: 0, output: '0\n' })
    expect(paused.hits).toBe(2)
  })

  it('waits for a credential that fails at first does not end before it', async () => {
    const failing = azure.authority.inject({ status: 503, times: 1 })
    expect(await run('query')).toEqual({ code: 0, output: '0\n' })
    expect(failing.hits).toBe(1)
  })

  it('waits for a credential that never answers gets an error', async () => {
    expect(await run('query', 'silent')).toEqual({ code: 0, output: 'TOKEN_UNAVAILABLE\n' })
  })
})
