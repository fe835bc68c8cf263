import type { Report } from './report.ts'

/** How often work failed for one cause. */
interface FailureCount {
  explained: number
  unexplained: number
  /** What explained it, and how often. */
  by: Record<string, number>
}

/** The failures of a run, by cause. */
export class Failures {
  readonly #byCause = new Map<string, FailureCount>()
  #explainedCount = 0
  #unexplainedCount = 0

  get explainedCount(): number {
    return this.#explainedCount
  }

  get unexplainedCount(): number {
    return this.#unexplainedCount
  }

  /** @param by - what explains it: one thing or several */
  addExplained(cause: string, by: readonly string[]): void {
    this.#explainedCount++
    const count = this.#countOf(cause)
    count.explained++
    for (const name of new Set(by)) count.by[name] = (count.by[name] ?? 0) + 1
  }

  addUnexplained(cause: string): void {
    this.#unexplainedCount++
    this.#countOf(cause).unexplained++
  }

  /** Each cause with its counts, the most frequent first. */
  table(): Report['failures'] {
    const rows = [...this.#byCause].map(([cause, count]) => ({ cause, ...count }))
    return rows.sort((a, b) => b.explained + b.unexplained - a.explained - a.unexplained)
  }

  #countOf(cause: string): FailureCount {
    let count = this.#byCause.get(cause)
    if (count === undefined) {
      count = { explained: 0, unexplained: 0, by: {} }
      this.#byCause.set(cause, count)
    }
    return count
  }
}
