import { afterEach, expect, it } from 'vitest'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/testing/gateway/gateway.ts'
import { usePractice } from './support.ts'

const practice = usePractice()
const gateways: Gateway[] = []
afterEach(() => Promise.all(gateways.splice(0).map((gateway) => gateway.close())))

/** Runs doctor on a gateway with all rules of its kind. */
async function examine(options: Partial<GatewayOptions>, encrypt: true | 'strict') {
  const { upstream, authority, config } = practice.azure
  const gateway = await startGateway({ upstream, verification: authority.verification, ...options })
  gateways.push(gateway)
  const tls = { encrypt: encrypt as true, cryptoCredentialsDetails: { ca: gateway.ca } }
  const diagnosis = await practice.examine(config({ port: gateway.port, options: tls }))
  const [worker] = gateway.workers
  return { ...diagnosis, to: worker && `${worker.host}:${worker.port}` }
}

const STEPS = ['tls', 'entra-logins', 'token', 'login'] as const

it.each<[string, Partial<GatewayOptions>, true | 'strict']>([
  ['Azure', {}, true],
  ['Azure by TDS 8', {}, 'strict'],
  ['Synapse', { kind: 'synapse' }, true],
  ['a server that only accepts TDS 8', { kind: 'strict-only' }, 'strict'],
])('doctor logs in to %s', async (_, options, encrypt) => {
  const { step } = await examine(options, encrypt)
  for (const id of STEPS) expect(step(id)).toMatchObject({ status: 'ok' })
})

it.each<[string, Partial<GatewayOptions>, true | 'strict']>([
  ['Fabric', { kind: 'fabric' }, true],
  ['Fabric by TDS 8', { kind: 'fabric' }, 'strict'],
  ['Azure with the policy Redirect', { redirect: {} }, true],
])('doctor follows the redirect of %s, and says where it leads', async (_, options, encrypt) => {
  const { step, text, to } = await examine(options, encrypt)
  for (const id of STEPS) expect(step(id)).toMatchObject({ status: 'ok' })
  expect(step('login').details).toMatchObject({ redirectedTo: [to] })
  expect(text).toContain(`accepted, redirected to ${to}\n`)
})

it.each([true, 'strict'] as const)(
  'doctor follows a redirect that comes before the server asks for a token (encrypt: %s)',
  async (how) => {
    const { step, to } = await examine({ redirect: { at: 'login7' } }, how)
    expect(step('entra-logins')).toMatchObject({
      status: 'ok',
      summary: expect.stringMatching(/^accepted by .*, to which the login is redirected; tokens from https:/),
      details: { redirectedTo: to, tokensFrom: expect.any(String) },
    })
    expect(step('login')).toMatchObject({ status: 'ok' })
  },
)

it('a refusal after a redirect names the server that refused', async () => {
  const { upstream } = practice.azure
  const { step, to } = await examine({ redirect: {}, upstream: { ...upstream, password: 'wrong' } }, true)
  expect(step('login')).toMatchObject({ status: 'failed', details: { failedAt: 'LOGIN7', redirectedTo: [to] } })
})
