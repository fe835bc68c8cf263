/** The exit codes. `exec` passes on its command's, or 128 + the number of the signal that ended it. */
export const ExitCode = {
  OK: 0,
  /** A check of `doctor` failed; `proxy` could not start. */
  FAILED: 1,
  /** Wrong arguments, or a wrong connection string. */
  USAGE: 2,
  /** `exec` did not get as far as its command; the same codes as `env` and `timeout`. */
  EXEC_FAILED: 125,
  NOT_EXECUTABLE: 126,
  NOT_FOUND: 127,
} as const

/** The exit codes, for `--help`. */
export const EXIT_CODES = `
Exit codes:
  0        success
  1        a check of doctor failed; proxy could not start
  2        wrong arguments, or a wrong connection string
  125      exec: the proxy could not start
  126 127  exec: the command cannot be run; was not found
  other    exec: the command's own, or 128 + the number of the signal that ended it; doctor: 130 after Ctrl-C;
           141: nobody reads the output any more
`
