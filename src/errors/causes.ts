/**
 * An error and what is underneath: the parts of an aggregate (`errors`), then its `cause`, which mssql calls
 * `originalError`.
 */
export function* causesOf(error: unknown, depth = 0): Generator<object> {
  if (typeof error !== 'object' || error === null || depth > 8) return
  yield error
  const { errors, cause, originalError } = error as { errors?: unknown; cause?: unknown; originalError?: unknown }
  if (Array.isArray(errors)) for (const part of errors) yield* causesOf(part, depth + 1)
  yield* causesOf(cause ?? originalError, depth + 1)
}
