import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { drawChart } from '../../demo/chart.ts'
import { pictureOf } from '../../demo/display.ts'
import { insertsOf, type Migrated, migrationSummaryOf } from '../../demo/migration.ts'
import { readOptions } from '../../demo/options.ts'
import { percentile, Recording } from '../../demo/recording.ts'
import { type Palette, type Picture, paletteFor, Screen, stepPicture } from '../../demo/screen.ts'
import { type Counts, faultsOf, summaryOf } from '../../demo/summary.ts'
import { UsageError } from '../../scripts/support/command-line.ts'

describe('the options of the demo', () => {
  it('have defaults', () => {
    expect(readOptions([])).toEqual({
      seconds: 60,
      workers: 8,
      tokenLife: 15,
      compare: false,
      svg: undefined,
      migrate: false,
    })
    expect(readOptions(['--compare'])).toMatchObject({ compare: true, workers: 4 })
  })

  it('are read', () => {
    const args = ['--seconds', '5', '--workers=2', '--token-life', '6', '--svg', 'a.svg', '--compare', '--migrate']
    expect(readOptions(args)).toEqual({
      seconds: 5,
      workers: 2,
      tokenLife: 6,
      compare: true,
      svg: 'a.svg',
      migrate: true,
    })
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
const colourless = paletteFor(false)

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

/** At 20 s of 60. */
const picture = (made: Recording, elapsed = 20, official?: Recording) =>
  pictureOf(made, { now: start + elapsed * 1000, seconds: 60, tokenLife: 15 }, official)

/** Without colours, a lane shows the number of its token. */
const numbered: Palette = { ...colourless, cell: (token) => String(token + 1) }

/** A busy run: 13 connections of two tokens, ten thousand slow queries. */
function crowded(): Recording {
  const made = recording(Array.from({ length: 10_000 }, (_, i) => [i * 2, 12_345.6, i % 2 === 0]))
  for (let connection = 1; connection <= 13; connection++) opened(made, connection, 0, connection < 6 ? 21 : 25)
  return made
}

/** What the official adapter does with a token given once: two connections end with it, and all that follows fails. */
function endedWithItsToken(): Recording {
  const made = recording(Array.from({ length: 200 }, (_, i) => [i * 100, 5, i > 150]))
  for (const connection of [1, 2]) opened(made, connection, 0, 15)
  for (const connection of [1, 2]) closed(made, connection, 15.1)
  return made
}

describe('the display', () => {
  it('shows each connection as a lane that changes from one token to the next', () => {
    const lines = picture(handedOver()).lines(numbered, 80, 24)
    const lanes = lines.filter((line) => /[12]{10}/.test(line))
    // 39 s in 79 columns: 10 s are 20 of them.
    expect(lanes).toHaveLength(3)
    expect(lanes[0]).toMatch(/^ +1{20,22}2{18,22} +┊ +$/)
    expect(lanes[1]).toMatch(/^ +1{18,22} +┊ +┊ +$/)
    expect(lanes[2]).toMatch(/^ +2{18,22} +┊ +$/)
  })

  it('says how long tokens live, how long each has, and how many connections are of it', () => {
    const text = picture(handedOver(), 10.2).lines(numbered, 80, 24).join('\n')
    expect(text).toMatch(/^Tokens live 15 s .* 10 of 60 s\n/)
    expect(text).toMatch(/token 1, old +4\.8 s left +█+░+ + 0 connections\n/)
    expect(text).toMatch(/token 2, new +14\.8 s left +█+░* + 2 connections\n/)
    expect(text).toMatch(/prisma-adapter-mssql-entra +10 failures in 5000 queries\n/)
  })

  it.each([60, 80, 120])('fits %i columns and 24 rows, with as many connections as there may be', (columns) => {
    for (const official of [undefined, crowded()]) {
      const lines = picture(crowded(), 20, official).lines(numbered, columns, 24)
      expect(lines.length).toBeLessThan(24)
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(columns)
      // Letters, lines, blocks and a few signs: nothing that a terminal draws two columns wide.
      for (const line of lines) expect(line).toMatch(/^[ -~·–…─-▟▾✗]*$/)
      if (official !== undefined) expect(lines.filter((line) => /^… \d+ more$/.test(line))).toHaveLength(2)
    }
    expect(picture(crowded()).line().length).toBeLessThanOrEqual(80)
  })

  it('keeps its height while tokens come and go, or else it would jump', () => {
    const heights = [1, 5, 9].map((at) => {
      const made = new Recording(start)
      opened(made, 1, 0, 15)
      if (at > 5) opened(made, 2, 6, 25)
      return picture(made, at).lines(numbered, 80, 24).length - made.laneCount
    })
    expect(new Set(heights).size).toBe(1)
  })

  it('shows in its second half how the official adapter fails when its token ends', () => {
    const lines = picture(handedOver(), 20, endedWithItsToken()).lines(numbered, 80, 24)
    const second = lines.slice(lines.findIndex((line) => line.startsWith('@prisma/adapter-mssql'))).join('\n')
    expect(second).toMatch(/^@prisma\/adapter-mssql +49 failures in 200 queries\n/)
    expect(second).toMatch(/token 1, given once +expired +░+ + 0 connections\n/)
    expect(second.match(/^ *1{20,} +$/gm)).toHaveLength(2)
    expect(second).toMatch(/·+✗{8,} +now$/)
  })

  it('labels the ends of two tokens only where a space fits between them', () => {
    const ends = (second: number) => {
      const made = new Recording(start)
      opened(made, 1, 0, 21)
      opened(made, 2, 0, second)
      return picture(made)
        .lines(numbered, 80, 24)
        .find((line) => line.includes('ends ▾'))
    }
    // A column is half a second: a label takes 14 of them.
    expect(ends(29)).toMatch(/token 1 ends ▾ +token 2 ends ▾$/)
    expect(ends(27.9)).toMatch(/token 1 ends ▾$/)
  })

  it('never shows more time than the run has', () => {
    expect(picture(handedOver(), 61).lines(numbered, 80, 24)[0]).toContain(' 60 of 60 s')
  })

  it('fits into one line too', () => {
    const made = recording([[19_500, 6, true]])
    opened(made, 1, 0, 15)
    opened(made, 2, 10, 25)
    const line = ' 20 of 60 s  token 2:  5.0 s left  connections: 1 old, 1 new  1 failed'
    expect(picture(made).line()).toBe(line)
    expect(picture(made, 20, endedWithItsToken()).line()).toBe(`${line}  official: 49 failed`)
    expect(picture(new Recording(start), 0).line()).toBe('  0 of 60 s  signing in  connections: 0 old, 0 new  0 failed')
  })
})

/** What a stream was sent. */
function recordedStream(isTTY: boolean): { stream: NodeJS.WriteStream; sent(): string } {
  let sent = ''
  const write = (text: string) => {
    sent += text
    return true
  }
  return { stream: { isTTY, columns: 80, rows: 5, write } as unknown as NodeJS.WriteStream, sent: () => sent }
}

describe('the screen', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })
  const panel = (...lines: string[]): Picture => ({ lines: () => lines, line: () => lines.join(' ') })
  const screenOn = (isTTY: boolean, environment = {}) => {
    const { stream, sent } = recordedStream(isTTY)
    return { screen: new Screen(stream, 2_000, environment), sent }
  }
  /** Work that ends when it is told to. */
  function untilDone() {
    let done = () => {}
    const work = new Promise<void>((resolve) => {
      done = resolve
    })
    return { work, done: () => done() }
  }

  it('overwrites the panel, keeps it below other output, and leaves it above what comes after', async () => {
    const { screen, sent } = screenOn(true)
    const drawn = '\u001b[?7lone\u001b[K\ntwo\u001b[K\n\u001b[J\u001b[?7h'
    const { work, done } = untilDone()
    const shown = screen.during(work, () => panel('one', 'two'), true)
    screen.print('told')
    done()
    await shown
    screen.print('summary')
    expect(sent()).toBe(`${drawn}\u001b[2A\u001b[Jtold\n${drawn}\u001b[2A${drawn}\u001b[Jsummary\n`)
  })

  it('draws at least twice a second, also while nothing happens, and no longer than the work lasts', async () => {
    const { screen, sent } = screenOn(true)
    const { work, done } = untilDone()
    const shown = screen.during(work, () => stepPicture('starting', 0), false)
    const draws = () => sent().split('starting').length - 1
    for (let second = 0; second < 3; second++) {
      const before = draws()
      vi.advanceTimersByTime(1_000)
      expect(draws() - before).toBeGreaterThanOrEqual(2)
    }
    done()
    await shown
    expect(sent().endsWith('\u001b[1A\u001b[J')).toBe(true)
    const before = draws()
    vi.advanceTimersByTime(1_000)
    expect(draws()).toBe(before)
  })

  it('draws no more lines than the terminal has', async () => {
    const { screen, sent } = screenOn(true)
    await screen.during(Promise.resolve(), () => panel('1', '2', '3', '4', '5', '6'), true)
    expect(sent()).toContain('4\u001b[K')
    expect(sent()).not.toContain('5\u001b[K')
  })

  it.each([
    ['without a terminal', false, {}],
    ['with NO_COLOR', true, { NO_COLOR: '1' }],
    ['on a dumb terminal', true, { TERM: 'dumb' }],
  ])('prints plain lines %s, one every two seconds', async (_, isTTY, environment) => {
    const { screen, sent } = screenOn(isTTY, environment)
    const { work, done } = untilDone()
    let count = 0
    const shown = screen.during(work, () => panel(`line ${count++}`), true)
    vi.advanceTimersByTime(3_900)
    screen.print(screen.palette.style('green', 'told'))
    done()
    await shown
    expect(sent()).toBe('line 0\nline 10\ntold\n')
  })
})

describe('the summary', () => {
  const server = { logins: 20, loginFailures: {}, requestsAfterExpiry: 0, leastTimeLeft: 3_500 }
  const counts: Counts = { ...server, tokensRequested: 3, rotations: 2 }

  it('reports success if nothing went wrong', () => {
    const made = recording([[0, 5]])
    made.credential = 'ManagedIdentityCredential'
    expect(faultsOf(made, counts)).toEqual([])
    const text = summaryOf(made, counts, colourless)
    expect(text).toMatch(/tokens from +ManagedIdentityCredential\n/)
    expect(text).toMatch(/least time left on a token +3\.5 s[\s\S]*✓/)
  })

  it.each([
    [{}, recording([[0, 5, true]]), '1 queries failed.'],
    [{}, recording([[0, 5_000, true]]), '1 queries failed (this machine is busy: queries took up to 5.0 s.'],
    [{ requestsAfterExpiry: 2 }, recording([]), '2 requests came after expiry'],
    [{ rotations: 0 }, recording([]), 'no rotation happened'],
  ])('names what went wrong: %j', (change, made, reason) => {
    expect(`${faultsOf(made, { ...counts, ...change })}.`).toContain(reason)
    expect(summaryOf(made, { ...counts, ...change }, colourless)).toContain(`✗ ${reason}`)
  })

  it('has both sides in one table', () => {
    const refused = { ...server, loginFailures: { 18456: 45, 4060: 1 }, requestsAfterExpiry: 4 }
    const official = { recording: endedWithItsToken(), counts: refused }
    const text = summaryOf(recording([[0, 5]]), counts, colourless, official)
    expect(text).toMatch(/^ +prisma-adapter-mssql-entra +@prisma\/adapter-mssql$/m)
    expect(text).toMatch(/^ +failures +0 +49$/m)
    expect(text).toMatch(/^ +requests after expiry +0 +4$/m)
    expect(text).toMatch(/^ +logins refused +0 +45$/m)
    expect(text).toMatch(/✓ No query failed/)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
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
  const dots = (svg: string, style: string) =>
    (new RegExp(`class="${style}" d="([^"]*)"`).exec(svg)?.[1]?.split('M').length ?? 1) - 1

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
    expect(dots(svg, 'failed')).toBe(10)
    expect(dots(svg, 'dot')).toBeGreaterThan(300)
    expect(svg.length).toBeLessThan(60_000)
    expect(svg).toContain('5,000 queries on tokens of 15 s: 10 failures')
  })

  it('shows the official adapter below, whose bars end with its token, and says both numbers of failures', () => {
    const svg = drawChart(recording([[0, 5]]), start + 20_000, 15, endedWithItsToken())
    const [, second = ''] = svg.split('@prisma/adapter-mssql, token given once: 200 queries, 49 failures')
    expect(svg).toContain('The same load on tokens of 15 s: 0 failures, or 49 with a token given once')
    expect([...second.matchAll(/rect class="(t\d)"/g)].map(([, token]) => token)).toEqual(['t0', 't0'])
    expect(dots(second, 'failed')).toBe(49)
    expect(svg).not.toContain('One handover')
  })

  it('is readable on a dark page too', () => {
    expect(drawChart(recording([]), start + 20_000, 15)).toContain('prefers-color-scheme:dark')
  })
})
