import { type ParseArgsConfig, parseArgs } from 'node:util'

/** A wrong command line. */
export class UsageError extends Error {}

/** Node's `parseArgs`. @throws {@link UsageError} */
export function readValues<T extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T }>>['values'] {
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** @throws {@link UsageError} unless it is a whole number of at least `least` */
export function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new UsageError(`--${name} must be a whole number of ${least} or more, not "${text}".`)
}

/** @throws {@link UsageError} unless it is a number above 0 */
export function positiveNumber(name: string, text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new UsageError(`--${name} must be a number above 0, not "${text}".`)
}

/** Runs a program; a wrong command line prints its usage, and ends the process with `code`. */
export async function runProgram(usage: string, main: () => Promise<number>, code = 2): Promise<void> {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n\n${usage}`)
    process.exitCode = code
  }
}
