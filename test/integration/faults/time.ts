import { vi } from 'vitest'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute

/** How long a test waits for what must happen, in ms; only a failing one waits as long. */
const PATIENCE = { timeout: 60 * second, interval: 10 }

/** Waits until `check` throws no more. */
export const until = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, PATIENCE)
