import { setTimeout as sleep } from 'node:timers/promises'
import type { config as MssqlConfig } from 'mssql'
import type { Child } from '../bench/child.ts'
import type { ControlMessage } from './azure-process.ts'
import type { FaultSpan } from './explain.ts'
import type { FaultStep } from './faults.ts'

/** The local Azure, in a process of its own. */
export type Azure = Child<ControlMessage, unknown, { config: MssqlConfig; environment: Record<string, string> }>

/**
 * Lets faults happen to a local Azure, until the signal is aborted; then none is active any more.
 *
 * @param plan - continues where it stopped
 * @param spans - each fault is added to it
 */
export async function disturb(
  azure: Pick<Azure, 'ask'>,
  plan: Iterator<FaultStep, never>,
  spans: FaultSpan[],
  note: (text: string) => void,
  until: AbortSignal,
): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal: until }).catch(() => {})
  for (;;) {
    const { calm, lasts, faults } = plan.next().value
    await pause(calm)
    if (until.aborted) return
    const begun: [FaultSpan, number][] = []
    for (const { kind, fault } of faults) {
      note(`fault begins: ${kind}`)
      const span: FaultSpan = { kind, from: Date.now(), until: Number.POSITIVE_INFINITY }
      spans.push(span)
      begun.push([span, (await azure.ask({ begin: fault })) as number])
    }
    await pause(lasts)
    for (const [span, number] of begun) {
      await azure.ask({ end: number })
      span.until = Date.now()
      note(`fault ends: ${span.kind}`)
    }
  }
}
