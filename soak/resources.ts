/** What this process holds, by Node's own count. */

/** TCP sockets open, or being opened; those of idle keep-alive connections not counted. */
export function socketCount(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
}

/** What keeps the process alive that was not there at `before`: an array of `process.getActiveResourcesInfo()`. */
export function leftOver(before: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo()
  for (const kind of before) {
    const i = left.indexOf(kind)
    if (i >= 0) left.splice(i, 1)
  }
  return left
}

/**
 * Bytes on the heap that are in use, after a forced collection. Twice: what finalizers let go is collected then.
 *
 * @throws Error where Node was started without `--expose-gc`
 */
export async function heapInUse(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('Node must be started with --expose-gc, as npm run soak does.')
  globalThis.gc()
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
