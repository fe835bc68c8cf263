import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Applications } from './package/applications.ts'
import { overBudget } from './package/budget.ts'
import { bundleProgram, ownSize, splitProgram } from './package/bundle.ts'
import { Bundlers } from './package/bundlers.ts'
import { compileConsumer, installConsumer, installed, loadModules, runCommands } from './package/consumer.ts'
import { Examples } from './package/examples.ts'
import { wrongFiles } from './package/file-list.ts'
import { publintMessages, typeProblems } from './package/linters.ts'
import { type AzureForPrograms, USERS, withLocalAzure } from './package/local-azure.ts'
import { commands, entryFiles, manifest, modules } from './package/manifest.ts'
import { NextApplication } from './package/next-application.ts'
import { pack } from './package/pack.ts'
import { runShell } from './package/shell.ts'
import { ROOT, runNpm } from './support/commands.ts'

/** With what takes minutes more: webpack, and an application of create-next-app. */
const ALL = process.argv.includes('--all')

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

/** Work that runs in parallel with the steps. It must have ended before its folder is removed. */
const background: Promise<unknown>[] = []

/** Checks the package as users get it: packed, installed from the registry into a project of theirs, bundled, run. */
async function checkPackage(temporary: string, azure: AzureForPrograms): Promise<void> {
  const folder = join(temporary, 'consumer')
  const deployed = join(temporary, 'deployed')
  mkdirSync(folder)
  await step('Build', () => runNpm(['run', 'build']) && undefined)
  const packed = pack(temporary)
  // The registry is slower than everything else, so this runs in parallel.
  const applications = new Applications(join(temporary, 'applications'), packed.tarball)
  const examples = new Examples(join(temporary, 'examples'), packed.tarball)
  const applicationsMade = applications.build()
  const examplesMade = applicationsMade.then(() => examples.build())
  for (const made of [applicationsMade, examplesMade]) background.push(made.catch(() => {}))
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
  const split = await splitProgram(folder, 'bundled.ts', join(temporary, 'split'))
  const bundlers = new Bundlers(folder, 'bundled.ts', join(temporary, 'bundled'))
  const bundles: Record<string, () => Promise<string[]>> = {
    'One minified file by esbuild': async () => [bundle.file],
    'Files by esbuild with --splitting': async () => [split],
    'CommonJS by esbuild': () => bundlers.esbuild(),
    'ES module and CommonJS by Vite': () => bundlers.vite(),
    ...(ALL && { 'ES module and CommonJS by webpack': () => bundlers.webpack() }),
  }
  for (const [title, make] of Object.entries(bundles)) {
    await step(`${title}, run by itself on the local Azure`, async () => {
      for (const file of await make()) await runBundle(file, azure)
    })
  }
  await step('The command as CommonJS by esbuild: doctor', () => bundlers.command(azure.environment))
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
    () => applicationsMade,
  )
  await step('Their types, by each setting of TypeScript 5.9', () => applications.checkTypes())
  await step('They sign in on the local Azure', () => applications.signIn(azure.environment))
  await step('The examples, built by their own scripts', () => examplesMade)
  await step('They start by their own scripts and sign in on the local Azure', () => examples.run(azure))
  if (!ALL) return
  const next = new NextApplication(join(temporary, 'next-application'), packed.tarball)
  await step("create-next-app with the README's lines: next build", () => next.build(azure.environment))
  await step('Its standalone server signs in on the local Azure, and so does doctor', async () =>
    assert.deepEqual(await next.run(azure.environment), USERS),
  )
}

/** A bundle of `consumer/bundled.ts` does all that it should, in a folder with nothing beside it. */
async function runBundle(file: string, { environment }: AzureForPrograms): Promise<void> {
  const name = file.slice(-100)
  assert.deepEqual(JSON.parse(await runShell(`node '${file}' '${name}'`, dirname(file), environment)), {
    found: name,
    twice: 'P2002',
    refusal: 'P1000',
    isEntraError: true,
    code: 'TOKEN_REFUSED',
    name: 'EntraError',
    tokensRequested: 1,
    plugin: 'DEPENDENCY_MISSING',
    named: ['ManagedIdentityCredential'],
  })
}

const temporary = mkdtempSync(join(tmpdir(), 'check-package-'))
try {
  await withLocalAzure((azure) => checkPackage(temporary, azure))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await Promise.all(background)
  rmSync(temporary, { recursive: true, force: true })
}
