import { Writable } from 'node:stream'
import { type CliContext, type Output, outputTo } from '../../src/cli/process.ts'

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

/** The context of a command whose output nobody looks at. */
export function silentContext(): CliContext {
  const { out } = recordedOutput()
  return { out, err: out, environment: {}, setExitCode() {}, outliveReader() {} }
}
