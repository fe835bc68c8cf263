import { type Context, context, type SpanOptions, type Tracer, trace } from '@opentelemetry/api'
import { isGivenUp, markFailed } from './errors.ts'

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
