import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import type { DONE, Report, Task } from './worker.ts'

/** Bundles the simulation and the code under test into one script for a worker thread. */
export async function bundleSimulation(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('worker.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

/**
 * Runs a bundled simulation in its own thread, which ends with its task or after `timeout` ms.
 *
 * @returns whether it ended in time
 */
export function runInThread(
  bundle: string,
  task: Task,
  onReport: (report: Report) => void,
  timeout = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(bundle, { eval: true, workerData: task })
    const timer = Number.isFinite(timeout) ? setTimeout(() => end(false), timeout) : undefined
    const end = (inTime: boolean) => {
      clearTimeout(timer)
      void worker.terminate().then(() => resolve(inTime))
    }
    worker.on('message', (said: Report[] | typeof DONE) => {
      if (Array.isArray(said)) said.forEach(onReport)
      else end(true)
    })
    worker.once('error', reject)
    worker.once('exit', () => end(true))
  })
}
