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
