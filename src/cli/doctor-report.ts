import type { StepReport } from '../doctor/examination.ts'
import { type Detail, STEPS, type StepId, type StepResult, type StepStatus } from '../doctor/step.ts'
import { EntraError, textOf } from '../errors/entra-error.ts'
import type { Output } from './terminal.ts'

const SYMBOLS: Readonly<Record<StepStatus, readonly [symbol: string, style: Parameters<Output['style']>[0]]>> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failed: ['✗', 'red'],
  skipped: ['–', 'dim'],
}

const TITLE_WIDTH = Math.max(...Object.values(STEPS).map((title) => title.length))
const TIME_WIDTH = 9
const INDENT = ' '.repeat(2)

/** Erases the line (ECMA-48, EL). The cursor is at its beginning, so that what a credential asks a person can be read. */
const ERASE = '\u001b[2K'

/** Writes each step as it ends; on a terminal also the one that is under way, in whose place it is written. */
export function reportTo(out: Output, options: { verbose: boolean }): StepReport {
  return {
    started(id: StepId) {
      if (out.rewritable) out.write(`${out.style('dim', `… ${STEPS[id]}`)}\r`)
    },
    finished(result) {
      if (out.rewritable) out.write(ERASE)
      out.write(stepAsText(result, out, options))
    },
  }
}

/** A step in a line, and what there is to say of it below. */
export function stepAsText(
  result: StepResult,
  { style }: Pick<Output, 'style'>,
  { verbose }: { verbose: boolean },
): string {
  const { id, status, durationMs, summary, details, warnings, error } = result
  const [symbol, colour] = SYMBOLS[status]
  const time = status === 'skipped' ? '' : `${Math.round(durationMs)} ms`
  const line = `${style(colour, symbol)} ${STEPS[id].padEnd(TITLE_WIDTH)} ${style('dim', time.padStart(TIME_WIDTH))}  ${plain(summary)}`
  const shown = verbose || status === 'failed' ? Object.entries(details) : []
  const lines = shown.flatMap(([name, value]) =>
    value === undefined ? [] : [`${wordsOf(name)}: ${textOfDetail(value)}`],
  )
  const blocks = [
    ...(error === undefined ? [] : [style(colour, indented(error.message))]),
    ...warnings.map((warning) => style(colour, indented(warning))),
    ...lines.map((detail) => style('dim', indented(detail))),
  ]
  return [line.trimEnd(), ...blocks, ''].join('\n')
}

/** What a person should know at the end. */
export function conclusion(results: readonly StepResult[], { style }: Pick<Output, 'style'>): string {
  const count = (status: StepStatus) => results.filter((result) => result.status === status).length
  const [failed, warnings, skipped] = [count('failed'), count('warning'), count('skipped')]
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(warnings > 0 ? [`${warnings} to look at`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ]
  if (parts.length === 0) return `\n${style('green', 'All is well.')}\n`
  const colour = failed > 0 ? 'red' : 'yellow'
  return `\n${style(colour, `Of ${results.length} steps: ${parts.join(', ')}.`)}\n`
}

/** All of it as one JSON document; its names do not change between versions. */
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
  return `${JSON.stringify({ ok, steps }, null, 2)}\n`
}

function errorAsJson(error: Error): object {
  if (!(error instanceof EntraError)) return { code: null, number: null, state: null, message: error.message }
  const { code, number = null, state = null } = error
  return { code, number, state, message: textOf(error) }
}

function indented(text: string): string {
  return plain(text).replace(/^/gm, INDENT)
}

/** Without control characters, which a server or a certificate could move a terminal with. */
function plain(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, ' ')
}

function textOfDetail(value: Detail): string {
  return typeof value === 'object' ? value.join(', ') || 'none' : String(value)
}

/** `applicationId`: `application id`. */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
