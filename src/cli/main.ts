#!/usr/bin/env node
import { run } from './program.ts'
import { outputTo } from './terminal.ts'

await run(process.argv.slice(2), {
  out: outputTo(process.stdout),
  err: outputTo(process.stderr),
  environment: process.env,
  setExitCode: (code) => {
    process.exitCode = code
  },
})
