import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import { connectFailed } from '../../src/login/connect-failures.ts'
import { defaultRotationTiming, poolSettings } from '../../src/pool/settings.ts'
import { setUp } from './support.ts'

/** What a login fails with, by the system's code. */
const system = (code: string) => () => connectFailed(Object.assign(new Error(`It says ${code}.`), { code }), false)
const unavailable = (text: string) => Object.assign(new Error(text), { name: 'CredentialUnavailableError' })
const given = (expiresOnTimestamp: number) => ({ token: 'token', expiresOnTimestamp })

type Made = ReturnType<typeof setUp>

/** How long the first connect takes to fail, in ms, and with what. */
async function firstConnect(made: Made): Promise<{ ms: number; code: unknown }> {
  const { clock, pool } = made
  const start = clock.monotonic()
  let failed: { ms: number; code: unknown } | undefined
  pool.connect().catch(({ code }) => {
    failed = { ms: clock.monotonic() - start, code }
  })
  for (let ms = 0; ms < 300_000 && failed === undefined; ms += 100) await clock.advance(100)
  return failed ?? { ms: Number.POSITIVE_INFINITY, code: undefined }
}

const refusing = (error: () => Error, settings = {}) => {
  const made = setUp(settings)
  made.server.onLogin = () => {
    throw error()
  }
  return made
}

const withToken = (...answers: Parameters<Made['credential']['answer']>) => {
  const made = setUp()
  for (let n = 0; n < 100; n++) made.credential.answer(...answers)
  return made
}

describe('a mistake on the first connect fails within 2 s', () => {
  it.each<[string, () => Made, code: string, ms: number]>([
    ['a host that DNS does not know', () => refusing(system('ENOTFOUND')), 'SERVER_NOT_FOUND', 1_000],
    ['a host that DNS cannot look up', () => refusing(system('EAI_AGAIN')), 'SERVER_NOT_FOUND', 1_000],
    ['a port where nobody listens', () => refusing(system('ECONNREFUSED')), 'SERVER_UNREACHABLE', 1_000],
    ['an address without a route', () => refusing(system('ENETUNREACH')), 'SERVER_UNREACHABLE', 1_000],
    ['a certificate for another name', () => refusing(system('ERR_TLS_CERT_ALTNAME_INVALID')), 'TLS_FAILED', 0],
    ['a certificate that nobody signed', () => refusing(system('DEPTH_ZERO_SELF_SIGNED_CERT')), 'TLS_FAILED', 0],
    ['no credential that can run here', () => withToken(unavailable('no identity')), 'TOKEN_REQUEST_FAILED', 0],
    ['a function that throws a TypeError', () => withToken(new TypeError('x is undefined')), 'TOKEN_REQUEST_FAILED', 0],
    ['an expiry in seconds', () => withToken(given(Date.UTC(2026, 0, 2) / 1000)), 'TOKEN_INVALID', 0],
    ['an expiry in microseconds', () => withToken(given(Date.UTC(2026, 0, 2) * 1000)), 'TOKEN_INVALID', 0],
    ['a lifetime in place of an expiry', () => withToken(given(3_600_000)), 'TOKEN_INVALID', 0],
    ['no token', () => withToken(null), 'TOKEN_INVALID', 0],
  ])('%s', async (_, make, code, ms) => {
    expect(await firstConnect(make())).toEqual({ ms, code })
  })

  it('but a server that is just starting is tried again until then', async () => {
    const made = refusing(system('ECONNREFUSED'))
    const connected = made.pool.connect()
    await made.clock.advance(999)
    made.server.onLogin = () => {}
    await made.clock.advance(1)
    await connected
    expect(made.server.logins).toBe(3)
  })

  it('unless connectRetryTimeout is set', async () => {
    const { mistakeTimeout } = poolSettings({ server: 'h' }, defaultRotationTiming, 30_000)
    const made = refusing(system('ECONNREFUSED'), { mistakeTimeout, connectRetryTimeout: 30_000 })
    expect(await firstConnect(made)).toEqual({ ms: 30_000, code: 'SERVER_UNREACHABLE' })
  })
})

describe('what passes by itself is waited for on the first connect', () => {
  const paused = () => new EntraError('DATABASE_UNAVAILABLE', 'Paused.', { number: 40613 })
  const throttled = Object.assign(new Error('Too many requests.'), { statusCode: 429 })
  const fetchFailed = new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) })

  it.each<[string, () => Made, code: string, ms: number]>([
    ['a paused database', () => refusing(paused), 'DATABASE_UNAVAILABLE', 60_000],
    ['a server that resets connections', () => refusing(system('ECONNRESET')), 'CONNECT_FAILED', 60_000],
    ['a throttled identity endpoint', () => withToken(throttled), 'TOKEN_UNAVAILABLE', 15_000],
    ['an identity endpoint that cannot be reached', () => withToken(fetchFailed), 'TOKEN_UNAVAILABLE', 15_000],
  ])('%s', async (_, make, code, ms) => {
    expect(await firstConnect(make())).toEqual({ ms, code })
  })

  it('a server that has answered before', async () => {
    const made = setUp()
    await made.pool.connect()
    for (const connection of made.server.open) connection.drop()
    await made.clock.advance(1_000)
    made.server.onLogin = () => {
      throw system('ECONNREFUSED')()
    }
    expect(await firstConnect(made)).toEqual({ ms: 60_000, code: 'SERVER_UNREACHABLE' })
  })
})
