import type { StepResult } from './steps.ts'

/** Everything about a run; none of it is secret. */
export interface Report {
  /** What was verified, and with which versions. */
  facts: Readonly<Record<string, string>>
  steps: readonly StepResult[]
  /** What could not be dropped, as T-SQL that drops it. */
  leftBehind: readonly string[]
}

/** One line. */
export function resultOf({ steps, leftBehind }: Report): string {
  const count = (outcome: StepResult['outcome']) => steps.filter((step) => step.outcome === outcome).length
  const parts = [`${count('pass')} passed`, `${count('fail')} failed`, `${count('skip')} skipped`]
  if (leftBehind.length > 0) parts.push('something was left behind')
  return `${parts.join(', ')}.`
}

/** Whether the process may end with 0. */
export function isGood({ steps, leftBehind }: Report): boolean {
  return leftBehind.length === 0 && steps.every(({ outcome }) => outcome !== 'fail')
}

/** For GitHub. */
export function asMarkdown(report: Report): string {
  const { facts, steps, leftBehind } = report
  return [
    '### verify:azure',
    '',
    `**${resultOf(report)}**`,
    '',
    ...table(['', ''], Object.entries(facts)),
    '',
    ...table(['step', 'result', 'time', ''], steps.map(rowOf)),
    ...(leftBehind.length === 0 ? [] : ['', 'These could not be dropped. Run:', '', '```sql', ...leftBehind, '```']),
    '',
  ].join('\n')
}

/** For scripts. */
export function asJson(report: Report): string {
  const { facts, leftBehind } = report
  const steps = report.steps.map((step) => ({ ...step, durationMs: Math.round(step.durationMs) }))
  return `${JSON.stringify({ ok: isGood(report), result: resultOf(report), facts, steps, leftBehind }, null, 2)}\n`
}

function rowOf({ title, outcome, durationMs, note, code }: StepResult): string[] {
  const result = { pass: 'pass', fail: '**fail**', skip: 'skipped' }[outcome]
  const time = outcome === 'skip' ? '' : `${(durationMs / 1000).toFixed(1)} s`
  return [title, result, time, code === undefined ? note : `\`${code}\` ${note}`]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)]
}

/** One line, without a server's HTML. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
