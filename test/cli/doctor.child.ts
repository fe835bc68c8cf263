import type { Command } from 'commander'
import { doctorCommand } from '../../src/cli/doctor-command.ts'
import { outputTo } from '../../src/cli/terminal.ts'

/** A process of its own, for signals and for what keeps it alive: a credential that holds nothing open never answers. */
const command: Command = doctorCommand(
  {
    out: outputTo(process.stdout),
    environment: process.env,
    setExitCode: (code) => {
      process.exitCode = code
    },
  },
  { credential: { getToken: () => new Promise(() => {}) } },
)
await command.parseAsync(process.argv.slice(2), { from: 'user' })
