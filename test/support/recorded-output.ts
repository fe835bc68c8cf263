import { Writable } from 'node:stream'
import { type Output, outputTo } from '../../src/cli/process.ts'

/** An output that keeps what is written; on a terminal or not. */
export function recordedOutput(isTTY = false): { out: Output; text(): string } {
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      written.push(String(chunk))
      done()
    },
  })
  return { out: outputTo(Object.assign(stream, { isTTY })), text: () => written.join('') }
}
