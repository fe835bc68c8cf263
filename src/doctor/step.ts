/** What doctor looks at, in this order: ids that do not change between versions, and titles. */
export const STEPS = {
  'connection-string': 'Connection string',
  dns: 'DNS',
  tcp: 'TCP',
  tls: 'PRELOGIN and TLS',
  'entra-logins': 'Entra logins',
  token: 'Token',
  login: 'Login',
  identity: 'Identity',
  'client-rights': 'Prisma Client',
  'migrate-rights': 'Prisma Migrate',
  clock: 'Clock',
  latency: 'Latency',
} as const

export type StepId = keyof typeof STEPS

/** Something that was found out, for a person and for a script. */
export type Detail = string | number | boolean | readonly string[]

/** Details by name; what is undefined was not to be found out. */
export type Details = Readonly<Record<string, Detail | undefined>>

/** How a check of a step ended: with a value for the steps that need it, or an error. Never a token in any of it. */
export interface Outcome<Value> {
  /** What later steps go on with; undefined where it failed. */
  value?: Value
  /** In a few words. */
  summary: string
  details?: Details
  /** What is no failure now, and may become one: each says what to do. */
  warnings?: readonly string[]
  /** Why it failed, and what to do. */
  error?: Error
}

/**
 * - `ok`: as it should be
 * - `warning`: it works, and something should be looked at
 * - `failed`: it does not
 * - `skipped`: it was not looked at, since it needs a step that failed, or since doctor was stopped
 */
export type StepStatus = 'ok' | 'warning' | 'failed' | 'skipped'

/** One step, looked at. */
export interface StepResult {
  id: StepId
  status: StepStatus
  /** In ms. */
  durationMs: number
  /** In a few words; why, where it was skipped. */
  summary: string
  details: Details
  warnings: readonly string[]
  error?: Error
}
