import { describe, expect, it } from 'vitest'
import { drawChart } from '../../demo/chart.ts'
import { pictureOf } from '../../demo/display.ts'
import { insertsOf, type Migrated, migrationSummaryOf } from '../../demo/migration.ts'
import { readOptions } from '../../demo/options.ts'
import { percentile, Recording } from '../../demo/recording.ts'
import { paletteFor, Screen } from '../../demo/screen.ts'
import { faultsOf, summaryOf } from '../../demo/summary.ts'
import { UsageError } from '../../scripts/support/command-line.ts'
import type { AdapterStats } from '../../src/index.ts'

describe('the options of the demo', () => {
  it('have defaults', () => {
    expect(readOptions([])).toEqual({ seconds: 60, workers: 8, tokenLife: 15, svg: undefined, migrate: false })
  })

  it('are read', () => {
    const args = ['--seconds', '5', '--workers=2', '--token-life', '6', '--svg', 'a.svg', '--migrate']
    expect(readOptions(args)).toEqual({ seconds: 5, workers: 2, tokenLife: 6, svg: 'a.svg', migrate: true })
    expect(readOptions(['--help'])).toBeUndefined()
  })

  it.each([
    [['--seconds', 'x'], /--seconds must be a whole number of 1 or more, not "x"/],
    [['--workers', '0'], /--workers/],
    [['--token-life', '3'], /--token-life must be a whole number of 4/],
    [['--nonsense'], /nonsense/],
    [['extra'], /extra/],
  ])('%j is refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(UsageError)
    expect(() => readOptions(args)).toThrow(message)
  })
})

const start = Date.UTC(2026, 0, 1)
const [colourless, coloured] = [paletteFor(false), paletteFor(true)]

function recording(samples: [at: number, latency: number, failed?: boolean][]): Recording {
  const made = new Recording(start)
  for (const [at, latency, failed = false] of samples) made.samples.push({ at: start + at, latency, failed })
  return made
}

/** Times in s since the start. */
function opened(made: Recording, connection: number, at: number, expiresOn: number): void {
  made.onEvent({ type: 'connection.opened', at: start + at * 1000, connection, expiresOn: start + expiresOn * 1000 })
}

function closed(made: Recording, connection: number, at: number): void {
  made.onEvent({ type: 'connection.closed', at: start + at * 1000, connection, reason: 'replaced', ageMs: 0 })
}

function rotated(made: Recording, from: number, until: number): void {
  const rotation = { reason: 'token', connections: 2 } as const
  made.onEvent({ type: 'rotation.started', at: start + from * 1000, ...rotation })
  made.onEvent({ type: 'rotation.finished', at: start + until * 1000, durationMs: 0, ...rotation })
}

/** Two connections that were replaced by two others, 5 s before the end of their token. */
function handedOver(): Recording {
  const made = recording(Array.from({ length: 5_000 }, (_, i) => [i * 4, 5, i % 500 === 0]))
  opened(made, 1, 0, 15)
  opened(made, 2, 1, 15)
  opened(made, 3, 10, 25)
  closed(made, 1, 10.1)
  opened(made, 4, 10.2, 25)
  closed(made, 2, 10.4)
  rotated(made, 10, 10.4)
  return made
}

describe('a recording', () => {
  it('keeps the outcome of work', async () => {
    const made = new Recording(start)
    await made.measure(async () => {})
    await made.measure(async () => {
      throw new Error('\nInvalid invocation:\n\nthe reason\nSee docs/errors.md#code')
    })
    expect(made.samples.map(({ failed }) => failed)).toEqual([false, true])
    expect([...made.failures]).toEqual([['the reason', 1]])
  })

  it('gives each connection its own lane, and reuses free lanes', () => {
    const made = new Recording(start)
    opened(made, 1, 0, 15)
    opened(made, 2, 1, 15)
    opened(made, 3, 9, 24)
    closed(made, 1, 10)
    opened(made, 4, 11, 24)
    expect(made.connections.map(({ connection, lane, token }) => [connection, lane, token])).toEqual([
      [1, 0, 0],
      [2, 1, 0],
      [3, 2, 1],
      [4, 0, 1],
    ])
    expect(made.connections[0]).toMatchObject({ openedAt: start, closedAt: start + 10_000 })
    expect(made.laneCount).toBe(3)
    expect(made.tokens).toEqual([start + 15_000, start + 24_000])
  })

  it('keeps when each rotation began and ended', () => {
    const made = new Recording(start)
    rotated(made, 9, 10)
    expect(made.handovers).toEqual([{ startedAt: start + 9_000, finishedAt: start + 10_000 }])
  })

  it('knows which credential gave the last token', () => {
    const made = new Recording(start)
    const event = { type: 'token.acquired', at: 1, expiresOn: 15, refreshAfter: 9, durationMs: 1 } as const
    for (const credential of ['a', 'b']) made.onEvent({ ...event, credential })
    expect(made.credential).toBe('b')
  })

  it('has percentiles', () => {
    const { samples } = recording(Array.from({ length: 100 }, (_, i) => [i, 100 - i]))
    expect([0.5, 0.99, 1].map((share) => percentile(samples, share))).toEqual([51, 100, 100])
    expect(percentile([], 0.5)).toBe(0)
  })
})

const stats: AdapterStats = {
  tokensRequested: 2,
  tokensAcquired: 2,
  refreshesFailed: 0,
  rotations: 1,
  connectionsOpen: 2,
  connecting: 0,
  inFlight: 2,
  waiting: 0,
  tokenExpiresOn: start + 25_000,
  tokenSecondsLeft: 5,
}

/** At 20 s of 60. */
const picture = (made: Recording, elapsed = 20) =>
  pictureOf(made, stats, { now: start + elapsed * 1000, seconds: 60, tokenLife: 15 })

describe('the display', () => {
  it('shows each connection as a lane that changes from one token to the next', () => {
    const lines = picture(handedOver()).lines(colourless, 80)
    const lanes = lines.filter((line) => /[12]{10}/.test(line))
    // 39 s in 79 columns: 10 s are 20 of them.
    expect(lanes).toHaveLength(3)
    expect(lanes[0]).toMatch(/^ +1{20,22}2{18,22} +┊ +$/)
    expect(lanes[1]).toMatch(/^ +1{18,22} +┊ +┊ +$/)
    expect(lanes[2]).toMatch(/^ +2{18,22} +┊ +$/)
  })

  it('fits 80 columns and 24 rows with as many connections as a pool may have', () => {
    const made = recording(Array.from({ length: 100_000 }, (_, i) => [i / 5, 12_345.6]))
    made.credential = 'ManagedIdentityCredential'
    for (let connection = 1; connection <= 13; connection++) opened(made, connection, 0, 25)
    const lines = picture(made).lines(colourless, 80)
    expect(lines.length).toBeLessThan(24)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(picture(made).line().length).toBeLessThanOrEqual(80)
  })

  it('has colours only on a terminal that wants them', () => {
    expect(picture(handedOver()).lines(coloured, 80).join('')).toContain('\u001b[34m▆')
    expect(picture(handedOver()).lines(colourless, 80).join('')).not.toContain('\u001b')
  })

  it('never shows more time than the run has', () => {
    expect(picture(handedOver(), 61).lines(colourless, 80)[0]).toContain(' 60 of 60 s')
  })

  it('shows figures of the last seconds', () => {
    const made = recording([
      [0, 500],
      [19_000, 4],
      [19_500, 6, true],
    ])
    opened(made, 1, 0, 25)
    expect(picture(made).line()).toBe(' 20 s  token 1:  5.0 s left  2 open  1 queries/s  p99 6 ms  1 failed')
  })
})

/** What a terminal was sent. */
function terminal(): { stream: NodeJS.WriteStream; sent(): string } {
  let sent = ''
  const write = (text: string) => {
    sent += text
    return true
  }
  return { stream: { isTTY: true, columns: 80, rows: 5, write } as unknown as NodeJS.WriteStream, sent: () => sent }
}

describe('the screen', () => {
  const panel = (...lines: string[]) => ({ lines: () => lines, line: () => '' })

  it('overwrites the panel, and keeps it below other output', () => {
    const { stream, sent } = terminal()
    const screen = new Screen(stream, 0)
    screen.show(panel('one', 'two'), 0)
    screen.print('told')
    expect(sent()).toBe('\u001b[?7lone\ntwo\n\u001b[?7h' + '\u001b[2A\u001b[Jtold\n' + '\u001b[?7lone\ntwo\n\u001b[?7h')
    screen.leavePanel()
    screen.print('summary')
    expect(sent()).toMatch(/\?7hsummary\n$/)
  })

  it('draws no more lines than the terminal has', () => {
    const { stream, sent } = terminal()
    new Screen(stream, 0).show(panel('1', '2', '3', '4', '5', '6'), 0)
    expect(sent()).toContain('4\n')
    expect(sent()).not.toContain('5\n')
  })
})

describe('the summary', () => {
  const counts = { tokensRequested: 3, logins: 20, rotations: 2, requestsAfterExpiry: 0, leastTimeLeft: 3_500 }

  it('is happy if nothing went wrong', () => {
    const made = recording([[0, 5]])
    made.credential = 'ManagedIdentityCredential'
    expect(faultsOf(made, counts)).toEqual([])
    const text = summaryOf(made, counts, colourless)
    expect(text).toMatch(/tokens from +ManagedIdentityCredential\n/)
    expect(text).toMatch(/least time left on a token in use +3\.5 s[\s\S]*✓/)
  })

  it.each([
    [{}, recording([[0, 5, true]]), '1 queries failed'],
    [{ requestsAfterExpiry: 2 }, recording([]), '2 requests came after expiry'],
    [{ rotations: 0 }, recording([]), 'no rotation happened'],
  ])('names what went wrong: %j', (change, made, reason) => {
    expect(faultsOf(made, { ...counts, ...change }).join()).toContain(reason)
    expect(summaryOf(made, { ...counts, ...change }, colourless)).toContain(`✗ ${reason}`)
  })
})

describe('the migration at the end', () => {
  it('inserts at least as much as it says, and at most 1,000 rows at once', () => {
    const { sql, names } = insertsOf(300_000)
    expect(sql.length).toBeGreaterThan(300_000)
    expect(sql.length).toBeLessThan(310_000)
    expect(new Set(names).size).toBe(names.length)
    for (const statement of sql.split(';')) expect(statement.split('(N').length - 1).toBeLessThanOrEqual(1_000)
  })

  const migrated: Migrated = {
    migrations: 1,
    rows: 3,
    characters: 300_400,
    readBack: 3,
    tokenLength: 2_010,
    durationMs: 1_840,
  }

  it('is summarized with its size, its token and its time', () => {
    expect(migrationSummaryOf(migrated, colourless)).toMatch(
      /applied by the proxy +1\n.*3 rows, 300 KB\n.*2010 characters\n.*1\.8 s\n\n✓/,
    )
  })

  it('says how many rows came back', () => {
    expect(migrationSummaryOf({ ...migrated, readBack: 1 }, colourless)).toContain('✗ Of 3 rows')
  })
})

describe('the picture', () => {
  it('has a bar for each connection in the colour of its token, and a line where each token ended', () => {
    const svg = drawChart(handedOver(), start + 20_000, 15)
    const [run = '', handover = ''] = svg.split('One handover, ')
    expect([...run.matchAll(/rect class="(t\d)"/g)].map(([, token]) => token)).toEqual(['t0', 't0', 't1', 't1'])
    expect([...handover.matchAll(/rect class="(t\d)"/g)].map(([, token]) => token)).toEqual(['t0', 't0', 't1', 't1'])
    expect(svg.match(/class="end t0"/g)).toHaveLength(1)
    expect(svg).not.toContain('end t1')
    expect(svg).toContain('token 1 expires')
    expect(handover).toMatch(/^33 times closer/)
  })

  it('shows every failure, and some of the other queries', () => {
    const svg = drawChart(handedOver(), start + 20_000, 15)
    expect(svg.match(/class="failed"/g)).toHaveLength(10)
    expect(svg.match(/<circle/g)?.length).toBeLessThan(1_600)
    expect(svg).toContain('5,000 queries on tokens of 15 s: 10 failures')
  })

  it('is readable on a dark page too', () => {
    expect(drawChart(recording([]), start + 20_000, 15)).toContain('prefers-color-scheme:dark')
  })
})
