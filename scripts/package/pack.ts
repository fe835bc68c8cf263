import { join } from 'node:path'
import { runNpm } from '../support/commands.ts'

/** What `npm pack` made. */
export interface Packed {
  tarball: string
  /** Paths in the package. */
  files: string[]
  /** Of the tarball, in bytes. */
  size: number
  /** Of all files, in bytes. */
  unpackedSize: number
}

/** Packs what is built into a folder. */
export function pack(folder: string): Packed {
  const output = runNpm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder])
  const [{ filename, files, size, unpackedSize }] = JSON.parse(output)
  const paths = (files as { path: string }[]).map(({ path }) => path)
  return { tarball: join(folder, filename), files: paths, size, unpackedSize }
}
