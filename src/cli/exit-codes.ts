/** What the command ends with. `exec` passes on what its command ended with, and 128 + the signal's number. */
export const ExitCode = {
  OK: 0,
  /** What was asked for did not work: a check of `doctor`, the start of `proxy`. */
  FAILED: 1,
  /** The arguments are wrong, or the connection string is. */
  USAGE: 2,
  /** `exec` could not get as far as its command; as `env` and `timeout` have it. */
  EXEC_FAILED: 125,
  NOT_EXECUTABLE: 126,
  NOT_FOUND: 127,
} as const

/** The exit codes, for `--help`. */
export const EXIT_CODES = `
Exit codes:
  0        all went well
  1        a check of doctor failed; proxy could not be started
  2        wrong arguments, or a connection string that cannot be right
  125      exec: the proxy could not be started
  126 127  exec: the command cannot be run; was not found
  other    exec: the command's own, or 128 + the number of the signal that ended it; doctor: 130 where Ctrl-C ended it
`
