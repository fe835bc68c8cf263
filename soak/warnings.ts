/** So many are kept. */
const MOST = 10

/** Warnings that say nothing of this run. */
const ORDINARY = new Set(['DeprecationWarning', 'ExperimentalWarning'])

/** Collects Node's warnings (of too many listeners, for one) and rejections that nobody handles, from now on. */
export function watchWarnings(): readonly string[] {
  const warnings: string[] = []
  const add = (text: string) => {
    if (warnings.length < MOST) warnings.push(text)
  }
  process.on('warning', ({ name, message }) => {
    if (!ORDINARY.has(name)) add(`${name}: ${message}`)
  })
  process.on('unhandledRejection', (reason) => add(`a rejection that nobody handled: ${String(reason)}`))
  return warnings
}
