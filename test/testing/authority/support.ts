import { request } from 'node:https'
import { createLocalJWKSet, type JWTVerifyResult, jwtVerify } from 'jose'
import { onTestFinished } from 'vitest'
import type { Authority } from '../../../src/testing/authority/authority.ts'

let scopes = 0

/** A scope that nobody asked for before: MSAL keeps managed identity tokens in one cache for the whole process. */
export function newScope(): string {
  scopes += 1
  return `https://resource-${scopes}.test/.default`
}

/** Sets variables until the test ends. */
export function setEnvironment(variables: Record<string, string>): void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, variables)
  onTestFinished(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
}

/** Verifies a token as the gateway does: signature, issuer, audience, times. */
export function verify(authority: Authority, token: string, now?: number): Promise<JWTVerifyResult> {
  const { issuer, audience, jwks } = authority.verification
  return jwtVerify(token, createLocalJWKSet(jwks), {
    issuer,
    audience,
    algorithms: ['RS256'],
    ...(now === undefined ? {} : { currentDate: new Date(now) }),
  })
}

/** A request to the HTTPS side, without any client library. */
export function send(
  authority: Authority,
  path: string,
  form?: Record<string, string>,
): Promise<{ status: number | undefined; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, authority.authorityHost),
      { method: form === undefined ? 'GET' : 'POST', ca: authority.certificate, agent: false },
      async (response) => {
        const chunks: Buffer[] = []
        for await (const chunk of response) chunks.push(chunk)
        resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(form === undefined ? undefined : new URLSearchParams(form).toString())
  })
}
