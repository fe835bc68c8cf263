import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loginOf } from '../../src/cli/proxy-login.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'proxy-login-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the login of a standing proxy', () => {
  it('is a new one if no file is named', async () => {
    expect(await loginOf({})).toBeUndefined()
  })

  it('is kept in a file that only its owner can read, which is created once', async () => {
    const passwordFile = join(folder, 'kept')
    const first = await loginOf({ user: 'sa', passwordFile })
    expect(first).toEqual({ user: 'sa', password: expect.stringMatching(/^[0-9a-f]{30}$/) })
    expect((await stat(passwordFile)).mode & 0o777).toBe(0o600)
    expect(await loginOf({ user: 'sa', passwordFile })).toEqual(first)
    expect(await loginOf({ passwordFile })).toEqual({ ...first, user: 'entra' })
    expect(await readFile(passwordFile, 'utf8')).toBe(`${first?.password}\n`)
  })

  it.runIf(process.platform !== 'win32').each([0o640, 0o604, 0o620, 0o666])(
    'is refused if others may use the file (mode %i)',
    async (mode) => {
      const passwordFile = join(folder, `mode-${mode}`)
      await writeFile(passwordFile, 'a-long-enough-password')
      await chmod(passwordFile, mode)
      await expect(loginOf({ passwordFile })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/readable by you alone: chmod 600/),
      })
      await chmod(passwordFile, 0o400)
      expect(await loginOf({ passwordFile })).toMatchObject({ password: 'a-long-enough-password' })
    },
  )

  it.each([
    ['', /at least 16/],
    ['too-short', /at least 16/],
    ['it;would;break;a;connection;string', /letters, digits/],
  ])('is refused with the password %j, which is not repeated', async (password, why) => {
    const passwordFile = join(folder, 'wrong')
    await writeFile(passwordFile, password, { mode: 0o600 })
    const error = await loginOf({ passwordFile }).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(why) })
    if (password !== '') expect(error.message).not.toContain(password)
  })

  it('is refused with a user alone, with a user that breaks a string, and where the file cannot be', async () => {
    await expect(loginOf({ user: 'sa' })).rejects.toThrow(/--user needs --password-file/)
    await expect(loginOf({ user: 'a;b', passwordFile: 'x' })).rejects.toThrow(/--user may have letters/)
    const passwordFile = join(folder, 'no', 'such', 'folder')
    await expect(loginOf({ passwordFile })).rejects.toThrow(/--password-file cannot be used: ENOENT/)
  })
})
