import { type OnStep, STEPS, type StepResult, type StepStatus } from '../doctor/steps.ts'
import { EntraError, textOf } from '../errors/entra-error.ts'
import { printable, printableJson, wrapped } from '../errors/wording.ts'
import type { Output } from './process.ts'

const SYMBOLS: Readonly<Record<StepStatus, readonly [symbol: string, style: Parameters<Output['style']>[0]]>> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failed: ['✗', 'red'],
  skipped: ['–', 'dim'],
}

const TITLE_WIDTH = Math.max(...Object.values(STEPS).map((title) => title.length))
const TIME_WIDTH = 9

/** Erases the line (ECMA-48, EL). */
const ERASE = '\u001b[2K'

/**
 * Prints each step when it ends. On a terminal, prints the current one too, and overwrites it; the cursor waits at the
 * start of the line, so that you can read what a credential asks you.
 */
export function printSteps(out: Output, verbose: boolean): OnStep {
  return (id, result) => {
    if (result !== undefined) out.write(`${out.rewritable ? ERASE : ''}${stepAsText(result, out, verbose)}`)
    else if (out.rewritable) out.write(`${out.style('dim', `… ${STEPS[id]}`)}\r`)
  }
}

/** A line for a step, with its error, warnings and details below. */
export function stepAsText(
  result: StepResult,
  { style, width }: Pick<Output, 'style' | 'width'>,
  verbose: boolean,
): string {
  const { id, status, durationMs, summary, details, warnings, error } = result
  const [symbol, colour] = SYMBOLS[status]
  const time = status === 'skipped' ? '' : `${Math.round(durationMs)} ms`
  // Below each other, if there is room.
  const left = 2 + TITLE_WIDTH + 1 + TIME_WIDTH + 2
  const room = width - left >= 30 ? width - left : Number.POSITIVE_INFINITY
  const summaryText = wrapped(printable(summary), room).replaceAll('\n', `\n${' '.repeat(left)}`)
  const line = `${style(colour, symbol)} ${STEPS[id].padEnd(TITLE_WIDTH)} ${style('dim', time.padStart(TIME_WIDTH))}  ${summaryText}`
  const shown = verbose || status === 'failed' ? Object.entries(details) : []
  const problems = error === undefined ? warnings : [error.message, ...warnings]
  return [
    line.trimEnd(),
    ...problems.map((text) => style(colour, indented(text, width))),
    ...shown.flatMap(([name, value]) => {
      if (value === undefined) return []
      const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
      return style(
        'dim',
        indented(`${words}: ${typeof value === 'object' ? value.join(', ') || 'none' : value}`, width),
      )
    }),
    '',
  ].join('\n')
}

export function summaryOf(results: readonly StepResult[], { style }: Pick<Output, 'style'>): string {
  const count = (status: StepStatus) => results.filter((result) => result.status === status).length
  const counts = { failed: count('failed'), 'with warnings': count('warning'), skipped: count('skipped') }
  const parts = Object.entries(counts).flatMap(([words, number]) => (number > 0 ? `${number} ${words}` : []))
  if (parts.length === 0) return `\n${style('green', 'Everything works.')}\n`
  const text = `Of ${results.length} steps: ${parts.join(', ')}.`
  return `\n${style(counts.failed > 0 ? 'red' : 'yellow', text)}\n`
}

/** All results as one JSON document, whose names do not change between versions. */
export function resultsAsJson(results: readonly StepResult[]): string {
  const ok = results.every(({ status }) => status === 'ok' || status === 'warning')
  const steps = results.map(({ id, status, durationMs, summary, details, warnings, error }) => ({
    id,
    title: STEPS[id],
    status,
    durationMs: Math.round(durationMs * 100) / 100,
    summary,
    details,
    warnings,
    error: error === undefined ? null : errorAsJson(error),
  }))
  return `${printableJson({ ok, steps }, 2)}\n`
}

function errorAsJson(error: Error): object {
  if (!(error instanceof EntraError)) return { code: null, number: null, state: null, message: error.message }
  const { code, number = null, state = null } = error
  return { code, number, state, message: textOf(error) }
}

function indented(text: string, width: number): string {
  return wrapped(printable(text), width - 2).replace(/^/gm, '  ')
}
