import { setTimeout as sleep } from 'node:timers/promises'
import { type FaultSpan, SLOW } from './explain.ts'

/** A timer that is this late shows that the machine is too busy, in ms. */
const SLOW_FROM = 500

/** Sleeps for so long, in ms, and notes if the machine was too busy meanwhile. */
export async function sleepAndNote(ms: number, spans: FaultSpan[]): Promise<void> {
  const from = Date.now()
  await sleep(ms)
  if (Date.now() - from > ms + SLOW_FROM) spans.push({ kind: SLOW, from, until: Date.now() })
}

/** When a process stood still, in ms since the epoch. */
export interface Stall {
  from: number
  until: number
}

const LOOK_EVERY = 10
/** A shorter stall explains nothing, in ms. */
const STALL_FROM = 40

/** Notes from now on when the event loop of this process stands still. */
export function watchStalls(): readonly Stall[] {
  const stalls: Stall[] = []
  let last = Date.now()
  const look = () => {
    const now = Date.now()
    if (now - last >= STALL_FROM) stalls.push({ from: last, until: now })
    last = now
  }
  setInterval(look, LOOK_EVERY).unref()
  return stalls
}

/** TCP sockets of this process that are open or opening, without idle keep-alive connections. */
export function socketCount(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
}

/** What keeps the process alive that was not there before. */
export function leftOver(before: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo()
  for (const kind of before) {
    const i = left.indexOf(kind)
    if (i >= 0) left.splice(i, 1)
  }
  return left
}

/** Bytes in use on the heap. Collects twice, because the first time runs finalizers. */
export async function heapInUse(): Promise<number> {
  globalThis.gc?.()
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
