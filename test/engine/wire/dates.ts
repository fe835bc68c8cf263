/** Dates as SQL Server prints them, and as the numbers that TDS carries (MS-TDS 2.2.5.5.1.8). */

const DAY = 86_400_000
const FIRST_DAY = Date.UTC(2000, 0, 1) - 730_119 * DAY
const DATETIME_EPOCH = Date.UTC(1900, 0, 1)
/** Time is counted in 100 ns. */
const TICKS_PER_SECOND = 10_000_000n
const TICKS_PER_DAY = 86_400n * TICKS_PER_SECOND

/** A point in time: days since 0001-01-01 and 100 ns since midnight. */
export interface Moment {
  days: number
  ticks: bigint
}

/** Reads `2024-01-02 12:34:56.1234567`, of which either part may be missing. */
export function parseMoment(text: string): Moment {
  const [, date, hours = '0', minutes = '0', seconds = '0', fraction = ''] =
    /^(\d{4}-\d\d-\d\d)?[ T]?(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)?/.exec(text) ?? []
  const [year = 1900, month = 1, day = 1] = (date ?? '1900-01-01').split('-').map(Number)
  const whole = BigInt((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds))
  const midnight = new Date(0)
  midnight.setUTCFullYear(year, month - 1, day)
  return {
    days: Math.round((midnight.getTime() - FIRST_DAY) / DAY),
    ticks: whole * TICKS_PER_SECOND + BigInt(fraction.padEnd(7, '0')),
  }
}

export function formatDate(days: number): string {
  const date = new Date(FIRST_DAY + days * DAY)
  const pad = (value: number, width = 2) => String(value).padStart(width, '0')
  return `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`
}

export function formatTime(ticks: bigint, scale: number): string {
  const seconds = Number(ticks / TICKS_PER_SECOND)
  const fraction = String(ticks % TICKS_PER_SECOND)
    .padStart(7, '0')
    .slice(0, scale)
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const clock = parts.map((part) => String(part).padStart(2, '0')).join(':')
  return scale > 0 ? `${clock}.${fraction}` : clock
}

/** The moment at another offset. */
export function shift({ days, ticks }: Moment, minutes: number): Moment {
  const total = BigInt(days) * TICKS_PER_DAY + ticks + BigInt(minutes) * 60n * TICKS_PER_SECOND
  return { days: Number(total / TICKS_PER_DAY), ticks: total % TICKS_PER_DAY }
}

/** Days since 1900, as DATETIME counts them. */
export function daysSince1900(days: number): number {
  return days - Math.round((DATETIME_EPOCH - FIRST_DAY) / DAY)
}

export function from1900(days: number): number {
  return days + Math.round((DATETIME_EPOCH - FIRST_DAY) / DAY)
}

/** The byte length of a time at a scale, and the divisor for its 100 ns units. */
export function timeSize(scale: number): { bytes: number; divisor: bigint } {
  return { bytes: scale <= 2 ? 3 : scale <= 4 ? 4 : 5, divisor: 10n ** BigInt(7 - scale) }
}
