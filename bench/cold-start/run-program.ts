import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** How a program got to its first row. */
export interface Start {
  /** From before its process was there, in ms. */
  firstRow: number
  /** The processor's time until then, in ms. */
  cpu: number
}

/** A program that takes longer is killed, in ms. */
const TIMEOUT = 60_000

/**
 * Runs a program in a process of its own, to its end.
 *
 * @throws Error where it fails
 */
export async function runProgram(path: string, environment: Record<string, string>): Promise<Start> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [path], {
    env: { ...clean(process.env), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT,
  })
  const closed = once(child, 'close')
  let start: Start | undefined
  child.stdout.setEncoding('utf8').once('data', (text: string) => {
    start = { firstRow: performance.now() - startedAt, cpu: Number(text) }
  })
  const [code] = await closed
  if (code !== 0 || start === undefined) throw new Error(`${path} ended with ${code}.`)
  return start
}

/** Without what would have a credential look elsewhere, and what this process was started with. */
function clean(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(AZURE_|IDENTITY_|MSI_|NODE_OPTIONS|NODE_EXTRA)/.test(name)),
  )
}
