import { type ParseArgsConfig, parseArgs } from 'node:util'

/** A command line that is not right. */
export class UsageError extends Error {}

/**
 * `parseArgs` of Node.
 *
 * @throws {@link UsageError}
 */
export function readValues<T extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: T) {
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** @throws {@link UsageError} where it is none, or less than `least` */
export function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least) {
    throw new UsageError(`--${name} must be a whole number of ${least} or more, not "${text}".`)
  }
  return value
}

/** @throws {@link UsageError} where it is none, or not above 0 */
export function positiveNumber(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new UsageError(`--${name} must be a number above 0, not "${text}".`)
  return value
}
