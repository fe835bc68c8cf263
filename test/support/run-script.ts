import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(fileURLToPath(import.meta.url), '../../..')

/** A script that has not ended after this, in ms, is killed: a little less than a test may take. */
const TIMEOUT = 230_000

/** How a script ended. */
export interface ScriptResult {
  code: number | null
  /** Of both streams. */
  output: string
}

/** Runs one of the project's own scripts to its end, in a Node of its own. @param args - Node's, the script, and its */
export function runScript(...args: string[]): Promise<ScriptResult> {
  return runProgram('--import', 'tsx', ...args)
}

/** Runs a program that is in JavaScript already. @param args - Node's, the program, and its */
export function runProgram(...args: string[]): Promise<ScriptResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
