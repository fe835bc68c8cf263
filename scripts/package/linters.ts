import { readFileSync } from 'node:fs'
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

/** What publint says of a tarball, suggestions too. */
export async function publintMessages(tarball: string): Promise<string[]> {
  const data = new Uint8Array(readFileSync(tarball)).buffer
  const { messages, pkg } = await publint({ pack: { tarball: data } })
  return messages.map((message) => formatMessage(message, pkg) ?? message.code)
}

/**
 * What are-the-types-wrong says of a tarball, by its profile for ESM alone: the resolution of before Node 12 does not
 * know `exports`, and that `require()` gives an ES module is what Node ≥ 20.19 can do.
 */
export async function typeProblems(tarball: string): Promise<string[]> {
  const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
  if (!result.types) return ['it has no types']
  return result.problems.filter((problem) => !isExpected(problem)).map((problem) => JSON.stringify(problem))
}

function isExpected(problem: Problem): boolean {
  if (problem.kind === 'CJSResolvesToESM') return true
  return 'resolutionKind' in problem && problem.resolutionKind === 'node10'
}
