import {
  type Attributes,
  type Context,
  context,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { EntraError, reasonOf } from '../errors/entra-error.ts'

/** Runs work in a span of its own, which is active meanwhile: what a credential sends is seen inside it. */
export async function inSpan<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  parent: Context,
  work: () => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, options, parent)
  try {
    return await context.with(trace.setSpan(parent, span), work)
  } catch (error) {
    if (!isGivenUp(error)) markFailed(span, error)
    throw error
  } finally {
    span.end()
  }
}

/**
 * What an operation, a login or a token request failed with. `error.type` is the code of an {@link EntraError}; Prisma's
 * kind of an error of a statement, or SQL Server's number where Prisma has no kind for it; or the name of what was thrown.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorAttributes(error: unknown): Attributes {
  const known = entraErrorIn(error)
  if (known !== undefined) return { 'error.type': known.code, ...statusCode(known.number) }
  if (isDriverAdapterError(error)) {
    const { cause } = error
    if (cause.kind !== 'mssql') return { 'error.type': cause.kind }
    return { 'error.type': String(cause.code), ...statusCode(cause.code) }
  }
  return { 'error.type': error instanceof Error ? error.name : '_OTHER' }
}

/** Whether it was abandoned because it was no longer needed, which is not a failure. */
export function isGivenUp(error: unknown): boolean {
  return entraErrorIn(error)?.code === 'CLOSED' || (error instanceof Error && error.name === 'AbortError')
}

/** Marks a span as failed. The message holds no secret: none of ours does, and credentials keep theirs out too. */
export function markFailed(span: Span, error: unknown): void {
  span.setAttributes(errorAttributes(error))
  span.setStatus({ code: SpanStatusCode.ERROR, message: reasonOf(error) })
}

function statusCode(number: number | undefined): Attributes {
  return number === undefined ? {} : { 'db.response.status_code': String(number) }
}

/** Prisma Client gets it as the cause of an error with Prisma's own code. */
function entraErrorIn(error: unknown): EntraError | undefined {
  if (error instanceof EntraError) return error
  return error instanceof Error && error.cause instanceof EntraError ? error.cause : undefined
}
