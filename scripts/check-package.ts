import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Applications } from './package/applications.ts'
import { overBudget } from './package/budget.ts'
import { bundleProgram, ownSize } from './package/bundle.ts'
import { compileConsumer, installConsumer, installed, loadModules, runCommands } from './package/consumer.ts'
import { wrongFiles } from './package/file-list.ts'
import { publintMessages, typeProblems } from './package/linters.ts'
import { runOnLocalAzure } from './package/local-azure.ts'
import { commands, entryFiles, manifest, modules } from './package/manifest.ts'
import { pack } from './package/pack.ts'
import { ROOT, runNpm } from './support/commands.ts'

const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`

/** Says what is checked, then what was seen of it. */
async function step(title: string, action: () => unknown): Promise<void> {
  const start = performance.now()
  console.log(`▶ ${title}`)
  const seen = await action()
  console.log(`  ${seen ?? 'as it should be'} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
}

function none(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

/** Checks the package as users get it: packed, installed from the registry into a project of theirs, bundled, run. */
async function checkPackage(temporary: string): Promise<void> {
  const folder = join(temporary, 'consumer')
  const deployed = join(temporary, 'deployed')
  mkdirSync(folder)
  await step('Build', () => runNpm(['run', 'build']) && undefined)
  const packed = pack(temporary)
  // The registry is slower than all else, so this goes on meanwhile.
  const applications = new Applications(join(temporary, 'applications'), packed.tarball)
  const made = applications.install()
  made.catch(() => {})
  await step('Files: all that users need, and nothing else', () => {
    none(wrongFiles(packed.files, entryFiles))
    return `${packed.files.length} files, ${kB(packed.size)} packed, ${kB(packed.unpackedSize)} unpacked`
  })
  await step('publint', async () => none(await publintMessages(packed.tarball)))
  await step('are-the-types-wrong', async () => none(await typeProblems(packed.tarball)))

  await step("A user's project, without install scripts", () => {
    installConsumer(folder, packed.tarball)
    return installed(folder, ['@prisma/adapter-mssql', 'mssql', 'tedious', '@azure/identity'])
  })
  for (const [name, root] of Object.entries({ theirs: folder, ours: ROOT })) {
    await step(
      `Its types, strict, with those of all dependencies, by ${installed(root, ['typescript'])} (${name})`,
      () => compileConsumer(folder, root),
    )
  }
  await step(`import and require() of ${modules.join(', ')}`, () => loadModules(folder))
  if (commands.length > 0) await step(`--help of ${commands.join(', ')}`, () => runCommands(folder))

  const bundle = bundleProgram(folder, 'bundled.ts', deployed)
  await step('One minified file by esbuild, run by itself on the local Azure', async () => {
    assert.deepEqual(await runOnLocalAzure([bundle.file]), {
      found: 'bundled',
      twice: 'P2002',
      refusal: 'P1000',
      isEntraError: true,
      code: 'TOKEN_REFUSED',
      name: 'EntraError',
      tokensRequested: 1,
      plugin: 'DEPENDENCY_MISSING',
      named: ['ManagedIdentityCredential'],
    })
  })
  await step(`Size of ${manifest.name}`, async () => {
    const own = await ownSize(folder)
    const official = bundleProgram(folder, 'official.ts', deployed)
    none(overBudget(own))
    return [
      `${kB(own.minified)} minified, ${kB(own.gzipped)} gzipped, without dependencies`,
      `${kB(bundle.ours)} of a bundle of ${kB(bundle.size)}, which is ${kB(official.size)} with the official adapter alone`,
    ].join('\n  ')
  })

  await step(
    'Applications of CommonJS: of nest new, by pnpm without hoisting, by Yarn without node_modules',
    () => made,
  )
  await step('Their types, by each setting of TypeScript 5.9', () => applications.checkTypes())
  await step('They sign in on the local Azure', () => applications.signIn())
}

const temporary = mkdtempSync(join(tmpdir(), 'check-package-'))
try {
  await checkPackage(temporary)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
