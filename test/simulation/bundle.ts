import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The simulation and the code under test as one script for a worker thread, in memory. */
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
