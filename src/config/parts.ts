import { nearest } from './nearest.ts'
import { keyOf, PARAMETER_NAMES, type Parameter, parameterOf } from './parameters.ts'
import { isShowable } from './place.ts'
import type { Segment } from './segments.ts'
import type { Source } from './source.ts'
import { type WithoutEffect, withoutEffect } from './without-effect.ts'

/** A segment of a connection string, and what is known of its name. */
export interface Part extends Segment {
  parameter: Parameter | undefined
  withoutEffect: WithoutEffect | undefined
  /** The secret before it, where this is unknown and may be the rest of that secret, after a bare semicolon. */
  afterSecret: string | undefined
  /** Whether its name may be shown. */
  named: boolean
}

/** Looks the segments' names up. */
export function partsOf(segments: readonly Segment[]): Part[] {
  let secret: string | undefined
  return segments.map((segment) => {
    const parameter = parameterOf(segment.name)
    const ignored = parameter === undefined ? withoutEffect(segment.name) : undefined
    const known = parameter ?? ignored
    const afterSecret = known === undefined ? secret : undefined
    const named = known !== undefined || (afterSecret === undefined && couldBeName(segment))
    if (named && mayHoldSecret(segment, known)) secret = segment.name
    else if (known !== undefined) secret = undefined
    return { ...segment, parameter, withoutEffect: ignored, afterSecret, named }
  })
}

/** Whether a value is a secret, seems to be one, or may have swallowed one for want of a closing quote. */
function mayHoldSecret({ name, value = '', unclosed, overhang }: Segment, known?: { secret?: true }): boolean {
  if (unclosed || overhang || !isShowable(value)) return true
  return known === undefined ? /pass?w|pwd|secret|key|token/i.test(name) : known.secret === true
}

/** Whether an unknown name is one, and not a piece of a password that was left without its own. */
function couldBeName({ name, value }: Segment): boolean {
  return value !== undefined && /^\p{L}[\p{L} _.-]{0,40}$/u.test(name)
}

/** Keeps what is secret, and what may be, from being shown. */
export function hideSecrets(source: Source, parts: readonly Part[]): void {
  for (const part of parts) {
    const { span, named, parameter, unclosed, overhang, valueSpan, nameSpan } = part
    if (!named) source.hide({ start: nameSpan.start, end: span.end })
    else if (unclosed || overhang) source.hide({ start: valueSpan.start + 1, end: valueSpan.end })
    else if (parameter === undefined || mayHoldSecret(part, parameter)) source.hide(valueSpan)
  }
}

/**
 * Refuses what is not `name=value`, and what is there twice.
 *
 * @throws EntraError `CONFIG_INVALID`
 */
export function checkParts(source: Source, parts: readonly Part[]): void {
  const before = new Map<string, Part>()
  for (const part of parts) {
    checkForm(source, part)
    const key = keyOf(part.parameter?.names[0] ?? part.name)
    const other = before.get(key)
    if (other !== undefined && part.named) {
      const isSynonym = keyOf(other.name) !== keyOf(part.name)
      const what = isSynonym
        ? `the same parameter as ${other.name} and as ${part.name}`
        : `the parameter ${part.name} twice`
      throw source.refuse(part.nameSpan, `The connection string has ${what}.`)
    }
    before.set(key, part)
  }
}

function checkForm(source: Source, part: Part): void {
  const { name, named, value, valueSpan, span } = part
  const whose = named ? `The connection string's ${name}` : 'A value of the connection string'
  const quote = value?.startsWith('{') ? 'brace' : 'quote'
  if (value === undefined) {
    const what = named ? `"${name}"` : 'a part'
    throw source.refuse(span, `The connection string has ${what} without "=".${remedyFor(source, part)}`)
  }
  if (name === '') {
    throw source.refuse(span, `The connection string has a value without a name.${remedyFor(source, part)}`)
  }
  if (part.unclosed) {
    const opening = { start: valueSpan.start, end: valueSpan.start + 1 }
    throw source.refuse(opening, `${whose} opens a ${quote} that it does not close.`)
  }
  if (part.overhang) throw source.refuse(valueSpan, `${whose} goes on after its closing ${quote}.`)
}

/** What to say of a name that is not known. */
export function warnOfUnknown(source: Source, part: Part): void {
  const near = nearest(part.name, PARAMETER_NAMES)
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  const what = part.named ? `'s ${part.name} is not known and` : ' has a parameter that is not known and'
  const message = `The connection string${what} has no effect.${hint}${remedyFor(source, part)}`
  source.warnings.push({ message, parameter: part.named ? part.name : '***' })
}

function remedyFor({ format }: Source, { afterSecret }: Part): string {
  if (afterSecret === undefined) return ''
  return ` If it belongs to ${afterSecret}, put the whole value in ${format === 'ado' ? 'quotes' : 'braces'}.`
}
