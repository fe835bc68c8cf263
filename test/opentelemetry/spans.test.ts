import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import { MINUTE, query } from '../pool/support.ts'
import { POOL, setUp } from './support.ts'

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})
afterAll(() => context.disable())

type Made = ReturnType<typeof setUp>

/** Runs a query in the span of a request, while the clock moves by `ms`. */
async function request({ sdk, adapter, clock }: Made, ms = 0): Promise<void> {
  const span = sdk.providers.tracerProvider.getTracer('test').startSpan('request')
  const work = context.with(trace.setSpan(context.active(), span), () => adapter.queryRaw(query('SELECT')))
  const ended = work.finally(() => span.end()).catch(() => {})
  await clock.advance(ms)
  await ended
}

/** `name < the name of its parent`, or the name alone for the first span of a trace. */
function family(spans: readonly ReadableSpan[]): string[] {
  const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]))
  return spans.map(({ name, parentSpanContext }) => {
    if (parentSpanContext === undefined) return name
    return `${name} < ${names.get(parentSpanContext.spanId)}`
  })
}

describe('the spans of', () => {
  it('a first query show its token request and its login, in its own trace', async () => {
    const it = setUp()
    await request(it)
    expect(family(it.sdk.spans)).toEqual(['mssql_entra.sign_in < request', 'mssql_entra.login < request', 'request'])
  })

  it('a login say where, as a client', async () => {
    const it = setUp()
    await request(it)
    const login = it.sdk.spans.find(({ name }) => name === 'mssql_entra.login')
    expect(login?.kind).toBe(SpanKind.CLIENT)
    expect(login?.attributes).toEqual({
      ...POOL,
      'db.system.name': 'microsoft.sql_server',
      'db.namespace': 'app',
      'server.address': 'sql.example.test',
    })
    expect(login?.status).toEqual({ code: SpanStatusCode.UNSET })
  })

  it('a refresh ahead of time and a rotation begin traces of their own, with the logins of the rotation', async () => {
    const it = setUp({ min: 1 })
    await request(it)
    const before = it.sdk.spans.length
    // Timers may run in the context of whatever set them.
    const other = it.sdk.providers.tracerProvider.getTracer('test').startSpan('another request')
    await context.with(trace.setSpan(context.active(), other), () => it.clock.advance(59 * MINUTE))
    expect(family(it.sdk.spans.slice(before))).toEqual([
      'mssql_entra.sign_in',
      'mssql_entra.login < mssql_entra.rotation',
      'mssql_entra.rotation',
    ])
    expect(it.sdk.spans.at(-1)?.attributes).toEqual({
      ...POOL,
      'mssql_entra.rotation.reason': 'token',
      'mssql_entra.rotation.connections': 1,
    })
  })

  it('a failed login say why, by its first line', async () => {
    const it = setUp({ connectRetryTimeout: 0 })
    it.server.onLogin = () => {
      throw new EntraError('PRINCIPAL_UNKNOWN', 'no user\nCREATE USER', { number: 18456 })
    }
    await request(it)
    const login = it.sdk.spans.find(({ name }) => name === 'mssql_entra.login')
    expect(login?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no user' })
    expect(login?.attributes).toMatchObject({ 'error.type': 'PRINCIPAL_UNKNOWN', 'db.response.status_code': '18456' })
  })

  it('a rotation that was called off end, and are not marked as failed', async () => {
    const it = setUp({ min: 1 })
    await request(it)
    it.server.loginTime = 10 * MINUTE
    await it.clock.advance(57 * MINUTE)
    const closing = it.adapter.dispose()
    await it.clock.advance(MINUTE)
    await closing
    const ended = it.sdk.spans.filter(({ name }) => name !== 'request').slice(-2)
    expect(ended.map(({ name, status }) => [name, status.code])).toEqual([
      ['mssql_entra.login', SpanStatusCode.UNSET],
      ['mssql_entra.rotation', SpanStatusCode.UNSET],
    ])
  })

  it('what a credential sends are inside its token request', async () => {
    const it = setUp()
    const { getToken } = it.credential
    const tracer = it.sdk.providers.tracerProvider.getTracer('test')
    it.credential.getToken = async (...args) => {
      tracer.startSpan('GET /token').end()
      return getToken.apply(it.credential, args)
    }
    await request(it)
    expect(family(it.sdk.spans)[0]).toBe('GET /token < mssql_entra.sign_in')
  })
})
