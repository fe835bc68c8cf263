import { describe, expect, it } from 'vitest'
import { drawChart } from '../../demo/chart.ts'
import { UsageError } from '../../demo/command-line.ts'
import { drawFrame, type Frame, frameOf, lineOf } from '../../demo/display.ts'
import { insertsOf, type Migrated } from '../../demo/migration.ts'
import { readOptions } from '../../demo/options.ts'
import { coloured, colourless } from '../../demo/palette.ts'
import { percentile, Recording } from '../../demo/recording.ts'
import { environmentsOf, outageOf, readMethods } from '../../demo/sign-in.ts'
import { faultsOf, migrationSummaryOf, summaryOf } from '../../demo/summary.ts'

describe('the options', () => {
  it('have defaults', () => {
    const methods = ['ActiveDirectoryManagedIdentity']
    expect(readOptions([])).toEqual({ seconds: 60, workers: 8, tokenLife: 15, methods, svg: undefined, migrate: false })
  })

  it('are read', () => {
    const args = [
      '--seconds',
      '5',
      '--workers=2',
      '--token-life',
      '6',
      '--authentication=Environment',
      '--svg',
      'a.svg',
      '--migrate',
    ]
    const methods = ['Environment']
    expect(readOptions(args)).toEqual({ seconds: 5, workers: 2, tokenLife: 6, methods, svg: 'a.svg', migrate: true })
    expect(readOptions(['--help'])).toBeUndefined()
  })

  it.each([
    [['--seconds', 'x'], /--seconds must be a whole number of 1 or more, not "x"/],
    [['--workers', '0'], /--workers/],
    [['--token-life', '3'], /--token-life must be a whole number of 4/],
    [['--authentication', 'Nobody'], /--authentication Nobody is none that the demo has\. There are ActiveDirectoryM/],
    [['--nonsense'], /nonsense/],
    [['extra'], /extra/],
  ])('%j is refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(UsageError)
    expect(() => readOptions(args)).toThrow(message)
  })
})

describe('the ways to sign in', () => {
  it('are named as in a connection string, in order of preference', () => {
    expect(readMethods('Azure Cli, ManagedIdentityCredential')).toEqual(['AzureCli', 'ActiveDirectoryManagedIdentity'])
  })

  it.each([
    ['ActiveDirectoryInteractive', /ActiveDirectoryInteractive cannot run here: .* There are .*AzureCli/],
    ['Environment,AzurePowerShell', /AzurePowerShell cannot run here/],
    ['ActiveDirectoryPassword', /is none that the demo has/],
    ['Environment,', /is none that the demo has/],
  ])('%s is refused', (text, message) => {
    expect(() => readMethods(text)).toThrow(UsageError)
    expect(() => readMethods(text)).toThrow(message)
  })

  it('have their variables set, where they look for any', () => {
    const methods = readMethods('AzureCli,ActiveDirectoryWorkloadIdentity,ActiveDirectoryDefault')
    expect(environmentsOf(methods)).toEqual(['workload-identity', 'app-service'])
  })

  it.each([
    ['AzureCli,ActiveDirectoryManagedIdentity', 'imds'],
    ['ActiveDirectoryDefault,ActiveDirectoryManagedIdentity,Environment', 'app-service'],
    ['Environment,ActiveDirectoryServicePrincipal', undefined],
    ['AzureCli', undefined],
  ])('%s: an outage that leaves one of several (%s)', (text, endpoint) => {
    expect(outageOf(readMethods(text))).toBe(endpoint)
  })
})

const start = Date.UTC(2026, 0, 1)

function recording(samples: [at: number, latency: number, failed?: boolean][]): Recording {
  const made = new Recording(start)
  for (const [at, latency, failed = false] of samples) made.samples.push({ at: start + at, latency, failed })
  return made
}

describe('a recording', () => {
  it('notes how work went', async () => {
    const made = new Recording(start)
    await made.measure(
      () => start,
      async () => {},
    )
    await made.measure(
      () => start,
      async () => {
        throw new Error('\nInvalid invocation:\n\nthe reason')
      },
    )
    expect(made.samples.map(({ failed }) => failed)).toEqual([false, true])
    expect([...made.failures]).toEqual([['the reason', 1]])
  })

  it('follows generations', () => {
    const made = new Recording(start)
    made.onEvent({ type: 'generation.opened', at: 1, generation: 1, expiresOn: 15 })
    made.onEvent({ type: 'generation.opened', at: 9, generation: 2, expiresOn: 24 })
    made.onEvent({ type: 'rotation.finished', at: 9, from: 1, to: 2, reason: 'token', durationMs: 1, connections: 1 })
    made.onEvent({ type: 'generation.closed', at: 10, generation: 1, reason: 'drained', ageMs: 9 })
    expect(made.generations).toEqual([
      { id: 1, openedAt: 1, retiredAt: 9, closedAt: 10, tokenExpiresOn: 15 },
      { id: 2, openedAt: 9, retiredAt: undefined, closedAt: undefined, tokenExpiresOn: 24 },
    ])
  })

  it('knows whose tokens serve', () => {
    const made = new Recording(start)
    const event = { type: 'token.acquired', at: 1, expiresOn: 15, refreshAfter: 9, durationMs: 1 } as const
    for (const credential of ['a', 'b', 'a', 'b']) made.onEvent({ ...event, credential })
    expect(made.credential).toBe('b')
    expect([...made.credentials]).toEqual(['a', 'b'])
  })

  it('has percentiles', () => {
    const { samples } = recording(Array.from({ length: 100 }, (_, i) => [i, 100 - i]))
    expect([0.5, 0.99, 1].map((share) => percentile(samples, share))).toEqual([51, 100, 100])
    expect(percentile([], 0.5)).toBe(0)
  })
})

const frame: Frame = {
  elapsed: 10,
  seconds: 60,
  tokenLife: 15,
  secondsLeft: 3,
  credential: 'AzureCliCredential',
  generation: 2,
  draining: 1,
  connections: 12,
  inFlight: 8,
  perSecond: 210.4,
  p50: 5.04,
  p99: 31.2,
  rotations: 1,
  queries: 2000,
  failures: 0,
}

describe('the display', () => {
  it('shows all there is', () => {
    const text = drawFrame(frame, colourless).join('\n')
    for (const part of [
      '10 of 60 s',
      '3.0 s left',
      'AzureCliCredential',
      '2  (1 draining)',
      '12 open, 8 at work',
      '210 a second',
      'p99 31.2 ms',
    ]) {
      expect(text).toContain(part)
    }
    expect(text).not.toContain('\u001b')
    expect(drawFrame(frame, coloured).join('')).toContain('\u001b[')
  })

  it('is one line where there is no terminal', () => {
    expect(lineOf(frame)).toBe(
      ' 10 s  token  3.0 s of AzureCliCredential  generation 2  connections 12  210 queries/s  p50 5.0 ms  p99 31.2 ms  rotations 1  failures 0',
    )
  })

  it('counts what is recent', () => {
    const stats = {
      tokensRequested: 1,
      tokensAcquired: 1,
      refreshesFailed: 0,
      rotations: 0,
      generation: { id: 1, ageMs: 0, tokenExpiresOn: start + 14_000, tokenSecondsLeft: 4, connections: 1, inFlight: 0 },
      draining: [],
      connectionsOpen: 1,
      inFlight: 0,
      waiting: 0,
    }
    const made = recording([
      [0, 500],
      [9_000, 4],
      [9_500, 6, true],
    ])
    made.credential = 'ManagedIdentityCredential'
    expect(frameOf(made, stats, { now: start + 10_000, seconds: 60, tokenLife: 15 })).toMatchObject({
      perSecond: 1,
      p99: 6,
      secondsLeft: 4,
      credential: 'ManagedIdentityCredential',
      queries: 3,
      failures: 1,
    })
  })
})

describe('the summary', () => {
  const counts = { tokenRequests: 3, logins: 20, rotations: 2, requestsAfterExpiry: 0, leastTimeLeft: 3_500 }

  it('is content where nothing went wrong', () => {
    const made = recording([[0, 5]])
    made.credentials.add('AzureCliCredential').add('ManagedIdentityCredential')
    expect(faultsOf(made, counts)).toEqual([])
    const text = summaryOf(made, counts, colourless)
    expect(text).toMatch(/tokens given by +AzureCliCredential, then ManagedIdentityCredential\n/)
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
  it('inserts at least as much as it says, and no more than 1,000 rows at once', () => {
    const { sql, names } = insertsOf(300_000)
    expect(sql.length).toBeGreaterThan(300_000)
    expect(sql.length).toBeLessThan(310_000)
    expect(new Set(names).size).toBe(names.length)
    for (const statement of sql.split(';')) expect(statement.split('(N').length - 1).toBeLessThanOrEqual(1_000)
  })

  const migrated: Migrated = {
    migrations: ['20261124000000_init'],
    rows: 3,
    characters: 300_400,
    readBack: 3,
    tokenLength: 2_010,
    durationMs: 1_840,
  }

  it('is told with its size, its token and its time', () => {
    expect(migrationSummaryOf(migrated, colourless)).toMatch(
      /20261124000000_init\n.*3 rows, 300 KB\n.*2010 characters\n.*1\.8 s\n\n✓/,
    )
  })

  it('says how many rows are not there', () => {
    expect(migrationSummaryOf({ ...migrated, readBack: 1 }, colourless)).toContain('✗ of 3 rows')
  })
})

describe('the picture', () => {
  it('has a bar a generation, a mark for an expiry that came, and every failure', () => {
    const made = recording(Array.from({ length: 10_000 }, (_, i) => [i, 5, i % 1000 === 0]))
    made.onEvent({ type: 'generation.opened', at: start, generation: 1, expiresOn: start + 6_000 })
    made.onEvent({ type: 'generation.opened', at: start + 4_000, generation: 2, expiresOn: start + 12_000 })
    const svg = drawChart(made, start + 10_000, 6)
    expect(svg.match(/class="bar"/g)).toHaveLength(2)
    expect(svg.match(/class="end"/g)).toHaveLength(1)
    expect(svg.match(/class="failed"/g)).toHaveLength(10)
    expect(svg.match(/<circle/g)?.length).toBeLessThan(1_600)
    expect(svg).toContain('10000 queries, 1 rotations, 10 failures')
    expect(svg).toContain('prefers-color-scheme:dark')
  })
})
