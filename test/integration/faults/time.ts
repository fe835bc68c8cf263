import { vi } from 'vitest'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute

/** How long a test waits for something that must happen, in ms. Only a failing test waits that long. */
const PATIENCE = { timeout: 60 * second, interval: 10 }

/** Waits until `check` no longer throws. */
export const until = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, PATIENCE)
