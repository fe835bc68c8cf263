import type { Outcome } from './step.ts'

/** How far this machine's clock is ahead of others, in ms; negative where it is behind. */
export interface Skews {
  /** Of Entra ID's, by the times of a new token: 0 where they agree to a minute. */
  entra: number | undefined
  /** Of the server's, to a second. */
  database: number | undefined
}

/** Less is no skew to speak of, in ms. */
const TOLERANCE = 60_000

/** What the clocks say: pure. */
export function judgeClock({ entra, database }: Skews): Outcome<true> {
  const parts = [
    ...(entra === undefined ? [] : [Math.abs(entra) <= TOLERANCE ? 'as Entra ID has it' : `${words(entra)} Entra ID`]),
    ...(database === undefined
      ? []
      : [Math.abs(database) <= TOLERANCE ? 'as the server has it' : `${words(database)} the server`]),
  ]
  const worst = [entra, database].some((skew) => skew !== undefined && Math.abs(skew) > TOLERANCE)
  return {
    value: true,
    summary: parts.join(', '),
    details: { entraSkewMs: entra, databaseSkewMs: database === undefined ? undefined : Math.round(database) },
    warnings: worst
      ? [`The clock of this machine is ${parts.join(', ')}. Tokens are refreshed by it: synchronize it (NTP).`]
      : [],
  }
}

function words(skew: number): string {
  return `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'}`
}
