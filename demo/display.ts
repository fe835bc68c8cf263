import type { AdapterStats } from '../src/index.ts'
import { bar, type Palette } from './palette.ts'
import { percentile, type Recording } from './recording.ts'

/** What the display shows at a moment. */
export interface Frame {
  /** In s since the workload began. */
  elapsed: number
  seconds: number
  /** How long tokens live, in s. */
  tokenLife: number
  secondsLeft: number
  generation: number
  draining: number
  connections: number
  inFlight: number
  perSecond: number
  p50: number
  p99: number
  rotations: number
  queries: number
  failures: number
}

export function frameOf(
  recording: Recording,
  stats: AdapterStats,
  run: { now: number; seconds: number; tokenLife: number },
): Frame {
  const window = 2_000
  const recent = recording.recent(run.now, window)
  return {
    elapsed: (run.now - recording.startedAt) / 1000,
    seconds: run.seconds,
    tokenLife: run.tokenLife,
    secondsLeft: Math.max(((stats.generation?.tokenExpiresOn ?? run.now) - run.now) / 1000, 0),
    generation: stats.generation?.id ?? 0,
    draining: stats.draining.length,
    connections: stats.connectionsOpen,
    inFlight: stats.inFlight,
    perSecond: recent.length / (window / 1000),
    p50: percentile(recent, 0.5),
    p99: percentile(recent, 0.99),
    rotations: stats.rotations,
    queries: recording.samples.length,
    failures: recording.failureCount,
  }
}

/** The live display: a few lines that are drawn over again. */
export function drawFrame(frame: Frame, palette: Palette): string[] {
  const { dim, bold, good, warn, bad } = palette
  const label = (text: string) => dim(text.padEnd(12))
  const left = frame.secondsLeft / frame.tokenLife
  const draining = frame.draining > 0 ? dim(`  (${frame.draining} draining)`) : ''
  const failures = frame.failures === 0 ? good('0') : bad(String(frame.failures))
  const time = `${frame.elapsed.toFixed(0).padStart(3)} of ${frame.seconds} s`
  return [
    `${label('time')}${bar(frame.elapsed / frame.seconds, dim, palette)}  ${time}`,
    `${label('token')}${bar(left, left < 0.25 ? warn : good, palette)}  ${frame.secondsLeft.toFixed(1)} s left`,
    `${label('generation')}${bold(String(frame.generation))}${draining}`,
    `${label('connections')}${bold(String(frame.connections))} open, ${frame.inFlight} at work`,
    `${label('queries')}${bold(frame.perSecond.toFixed(0))} a second, ${frame.queries} in all`,
    `${label('latency')}p50 ${bold(frame.p50.toFixed(1))} ms, p99 ${bold(frame.p99.toFixed(1))} ms`,
    `${label('rotations')}${bold(String(frame.rotations))}`,
    `${label('failures')}${failures}`,
  ]
}

/** The same as one line, where there is no terminal. */
export function lineOf(frame: Frame): string {
  return [
    `${frame.elapsed.toFixed(0).padStart(3)} s`,
    `token ${frame.secondsLeft.toFixed(1).padStart(4)} s`,
    `generation ${frame.generation}`,
    `connections ${frame.connections}`,
    `${frame.perSecond.toFixed(0)} queries/s`,
    `p50 ${frame.p50.toFixed(1)} ms`,
    `p99 ${frame.p99.toFixed(1)} ms`,
    `rotations ${frame.rotations}`,
    `failures ${frame.failures}`,
  ].join('  ')
}
