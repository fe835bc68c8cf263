import { describe, expect, it } from 'vitest'
import { useFaultyAzure } from '../faults/support.ts'
import { runScript, type Script } from './run-script.ts'

const azure = useFaultyAzure()

/** Runs a script on this database. @param pool - by default one whose idle connections outlast the test's patience */
async function run(script: Omit<Script, 'config'>, pool: Script['config']['pool'] = { idleTimeoutMillis: 600_000 }) {
  const { authority, db, gateway } = azure
  const options = { cryptoCredentialsDetails: { ca: gateway.ca } }
  const config = db.azure.config({ port: gateway.port, options, pool })
  return runScript({ ...script, config }, authority.environment('app-service'))
}

/** Ended by itself, at its end. */
const ended = (result: string) => ({ code: 0, errors: '', lines: [result, 'returned'] })

describe('a script that queries once and returns', () => {
  it('ends by itself after $disconnect', async () => {
    expect(await run({ disconnect: true })).toEqual(ended('users: 0'))
  })

  it.each(['ours', 'official'] as const)(
    'without $disconnect (%s) ends once its idle connections are closed',
    async (adapter) => {
      const { token } = await azure.authority.issueToken()
      expect(await run({ adapter, token, disconnect: false }, { idleTimeoutMillis: 100 })).toEqual(ended('users: 0'))
    },
  )
})

describe('a script whose first query waits does not end before it', () => {
  it('for a paused database', async () => {
    const paused = azure.gateway.inject({ at: 'login', action: { refuse: { number: 40613 } }, times: 2 })
    expect(await run({ disconnect: true })).toEqual(ended('users: 0'))
    expect(paused.hits).toBe(2)
  })

  it('for a credential that fails at first', async () => {
    const failing = azure.authority.inject({ status: 503, times: 1 })
    expect(await run({ disconnect: true })).toEqual(ended('users: 0'))
    expect(failing.hits).toBe(1)
  })

  it('for a credential that never answers: it is told so', async () => {
    const rotation = { waitTimeout: 500 }
    expect(await run({ credential: 'silent', rotation, disconnect: true })).toEqual(ended('users: TOKEN_UNAVAILABLE'))
  })
})
