import { constants } from 'node:os'
import { styleText } from 'node:util'
import { printable, wrapped } from '../errors/wording.ts'

/** The command's name; it also starts each message on stderr. */
export const NAME = 'prisma-mssql-entra'

/** This package's, as `package.json` has it: a bundle of the command has no such file. */
export const VERSION = '0.1.0'

/** What a command runs in: the process, or a test. */
export interface CliContext {
  out: Output
  err: Output
  environment: NodeJS.ProcessEnv
  setExitCode(code: number): void
  /** The command keeps running when nobody reads its output any more. By default it ends then. */
  outliveReader(): void
}

/** Where a command writes. */
export interface Output {
  write(text: string): void
  /** Styles `text` if the stream is a terminal with colours. Node heeds NO_COLOR, FORCE_COLOR and TERM. */
  style(style: Parameters<typeof styleText>[0], text: string): string
  /** Whether a line can be overwritten. */
  readonly rewritable: boolean
  /** Of a line, in characters. `Infinity` if it is no terminal. */
  readonly width: number
}

export function outputTo(stream: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }): Output {
  return {
    write: (text) => void stream.write(text),
    style: (style, text) => styleText(style, text, { stream }),
    rewritable: stream.isTTY === true && process.env.TERM !== 'dumb',
    get width() {
      return (stream.isTTY && stream.columns) || Number.POSITIVE_INFINITY
    },
  }
}

/** Writes a message to stderr, out of the way of scripts that read stdout. */
export function say({ err }: Pick<CliContext, 'err'>, message: string): void {
  const text = wrapped(`${NAME}: ${printable(message)}`, err.width)
  err.write(`${err.style('dim', `${NAME}:`)}${text.slice(NAME.length + 1)}\n`)
}

/** The time of a line, as HH:MM:SS. @param at - in ms since the epoch */
export function timeOf(at: number, { style }: Output): string {
  return style('dim', new Date(at).toLocaleTimeString('en-GB'))
}

/** A line with a mark between time and text. Its lines stand below each other, to the right of the time. */
export function eventLine(
  at: number,
  mark: string,
  colour: 'green' | 'red' | 'yellow' | 'blue',
  text: string,
  out: Output,
): string {
  const indent = 'HH:MM:SS ! '.length
  const lines = wrapped(printable(text), out.width - indent).replaceAll('\n', `\n${' '.repeat(indent)}`)
  return `${timeOf(at, out)} ${out.style(colour, mark)} ${lines}\n`
}

/** Says why a command cannot listen on a port. @returns its exit code @throws any other error */
export function cannotListen(context: CliContext, port: number, error: unknown): number {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
  const why = code === 'EACCES' ? 'needs privileges that you do not have' : 'is taken'
  say(context, `Port ${port} ${why}. Choose another one with --port, or 0 for a free one.`)
  return ExitCode.FAILED
}

/** Rewraps the paragraphs of a help text. Lines that begin with a space stay. @param width - in characters */
export function reflowed(text: string, width: number): string {
  return wrapped(text.replace(/(?<=\S)\n(?=\S)/g, ' '), width)
}

/** The exit codes. `exec` passes on its command's, or 128 + the number of the signal that ended it. */
export const ExitCode = {
  OK: 0,
  /** A check of `doctor` failed; `proxy` or `dev` could not start. */
  FAILED: 1,
  /** Wrong arguments, or a wrong connection string. */
  USAGE: 2,
  /** `exec` did not get as far as its command; the same codes as `env` and `timeout`. */
  EXEC_FAILED: 125,
  NOT_EXECUTABLE: 126,
  NOT_FOUND: 127,
  /** Nobody reads the output any more: 128 + SIGPIPE, as shells do. */
  READER_GONE: 141,
} as const

/** The exit codes, for `--help`. */
export const EXIT_CODES = `
Exit codes:
  0        success
  1        a check of doctor failed; proxy or dev could not start
  2        wrong arguments, or a wrong connection string
  125      exec: the proxy could not start
  126 127  exec: the command cannot be run; was not found
  141      nobody reads the output any more
  other    exec: the command's own, or 128 + the number of the signal that ended it; doctor: 130 after Ctrl-C
`

/**
 * Ends the process quietly once nobody reads its output (`| head -1`), unless the command outlives its reader, as a
 * proxy does. Messages that nobody reads are dropped: `exec` runs until its command ends.
 *
 * @returns tells that the command outlives its reader
 */
export function endWithReader(out: NodeJS.WritableStream, err: NodeJS.WritableStream): () => void {
  let outlives = false
  const unread = (error: NodeJS.ErrnoException) => error.code === 'EPIPE' || error.code === 'EIO'
  out.on('error', (error) => {
    if (outlives) return
    if (!unread(error)) throw error
    process.exit(ExitCode.READER_GONE)
  })
  err.on('error', (error) => {
    if (!unread(error)) throw error
  })
  return () => {
    outlives = true
  }
}

/** Signals that ask a command to stop in an orderly way, listened for until disposed. */
export interface StopSignals extends Disposable {
  /** Aborted by the first of them. A second one ends the process. */
  readonly signal: AbortSignal
  /** 128 + the number of the signal that arrived, as shells do; undefined if none has. */
  exitCode(): number | undefined
}

export function stopOn(...names: readonly NodeJS.Signals[]): StopSignals {
  const stop = new AbortController()
  let received: NodeJS.Signals | undefined
  const listener = (name: NodeJS.Signals) => {
    received = name
    stop.abort(new Error('Stopped.'))
  }
  for (const name of names) process.once(name, listener)
  return {
    signal: stop.signal,
    exitCode: () => (received === undefined ? undefined : 128 + constants.signals[received]),
    [Symbol.dispose]() {
      for (const name of names) process.off(name, listener)
    },
  }
}
