import type { Command } from 'commander'
import { doctorCommand } from '../../src/cli/doctor-command.ts'
import { outputTo } from '../../src/cli/process.ts'

/** Runs doctor as a process, with a credential that never answers and keeps nothing open. */
const command: Command = doctorCommand(
  {
    out: outputTo(process.stdout),
    err: outputTo(process.stderr),
    environment: process.env,
    setExitCode: (code) => {
      process.exitCode = code
    },
    outliveReader() {},
  },
  { credential: { getToken: () => new Promise(() => {}) } },
)
await command.parseAsync(process.argv.slice(2), { from: 'user' })
