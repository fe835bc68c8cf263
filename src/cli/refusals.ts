import { REFUSAL_REASONS, type RefusalReason } from '../proxy/admission.ts'
import { type Clock, systemClock, type Timer } from '../time/clock.ts'

/** The least time between two summaries, in ms. */
const SUMMARY_EVERY = 10_000

/**
 * Reports the first refusal for each reason, and counts the rest: a flood of connections must not become a flood of lines.
 *
 * @returns takes the reason of each refusal
 */
export function summarizeRefusals(
  say: (text: string) => void,
  clock: Clock = systemClock,
): (reason: RefusalReason) => void {
  /** Refusals that were not said yet, by their reasons. */
  const more = new Map<RefusalReason, number>()
  let timer: Timer | undefined
  const summarize = () => {
    timer = undefined
    const counts = [...more].filter(([, count]) => count > 0)
    const total = counts.reduce((sum, [, count]) => sum + count, 0)
    const reasons = counts.map(([reason, count]) =>
      counts.length === 1 ? REFUSAL_REASONS[reason] : `${REFUSAL_REASONS[reason]} (${count})`,
    )
    for (const reason of more.keys()) more.set(reason, 0)
    say(`${total} more ${total === 1 ? 'connection' : 'connections'} refused: ${reasons.join('; ')}.`)
  }
  return (reason) => {
    const before = more.get(reason)
    if (before === undefined) {
      more.set(reason, 0)
      say(`A client was refused: ${REFUSAL_REASONS[reason]}.`)
      return
    }
    more.set(reason, before + 1)
    if (timer === undefined) timer = clock.setTimer(SUMMARY_EVERY, summarize)
  }
}
