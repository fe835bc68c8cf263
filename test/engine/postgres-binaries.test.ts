import { chmod, lstat, mkdir, mkdtemp, readdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reachableByOthers } from './postgres-binaries.ts'

let folder: string
/** In a folder that others can enter, unlike that of a clone. */
let native: string
let copy: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binaries-'))
  await chmod(folder, 0o755)
  native = join(folder, 'clone/native')
  copy = join(folder, 'copy')
  await mkdir(join(native, 'bin'), { recursive: true })
  await writeFile(join(native, 'bin/postgres'), '#!/bin/sh\n', { mode: 0o755 })
  await symlink('postgres', join(native, 'bin/postmaster'))
})
afterEach(() => rm(folder, { recursive: true }))

describe.skipIf(process.platform === 'win32')('binaries for another user', () => {
  it('stay in place if that user can read the folder', async () => {
    expect(await reachableByOthers(native, copy)).toBe(native)
    expect(await readdir(folder)).toEqual(['clone'])
  })

  it('are copied once if a parent folder is closed to that user', async () => {
    await chmod(join(folder, 'clone'), 0o700)
    expect(await Promise.all([1, 2, 3].map(() => reachableByOthers(native, copy)))).toEqual([copy, copy, copy])
    expect((await readdir(folder)).sort()).toEqual(['clone', 'copy'])
    expect((await stat(copy)).mode & 0o777).toBe(0o755)
    expect((await stat(join(copy, 'bin/postgres'))).mode & 0o777).toBe(0o755)
    expect(await readlink(join(copy, 'bin/postmaster'))).toBe('postgres')
    const { ino } = await lstat(copy)
    expect(await reachableByOthers(native, copy)).toBe(copy)
    expect((await lstat(copy)).ino).toBe(ino)
  })

  it('are not used from a folder that others can write to', async () => {
    await chmod(join(folder, 'clone'), 0o700)
    await mkdir(join(copy, 'bin'), { recursive: true })
    await chmod(copy, 0o777)
    await expect(reachableByOthers(native, copy)).rejects.toThrow(/ENOTEMPTY|EEXIST/)
    expect((await readdir(folder)).sort()).toEqual(['clone', 'copy'])
  })
})
