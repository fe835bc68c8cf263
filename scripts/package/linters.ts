import { readFileSync } from 'node:fs'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

/** What publint says of a tarball, suggestions too. */
export async function publintMessages(tarball: string): Promise<string[]> {
  const data = new Uint8Array(readFileSync(tarball)).buffer
  const { messages, pkg } = await publint({ pack: { tarball: data } })
  return messages.map((message) => formatMessage(message, pkg) ?? message.code)
}

/** What are-the-types-wrong says of a tarball, by its strictest profile. */
export async function typeProblems(tarball: string): Promise<string[]> {
  const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
  if (!result.types) return ['it has no types']
  return result.problems.map((problem) => JSON.stringify(problem))
}
