import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram, type ScriptResult } from '../support/run-script.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Compiles a user's files, by their names, and returns TypeScript's output. */
export async function compile(files: Readonly<Record<string, string>>): Promise<ScriptResult> {
  const folder = await mkdtemp(join(tmpdir(), 'samples-'))
  try {
    for (const name of ['node_modules', 'generated']) await symlink(join(ROOT, name), join(folder, name))
    for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code)
    const compilerOptions = {
      module: 'preserve',
      moduleResolution: 'bundler',
      noUnusedLocals: false,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
      paths: {
        'prisma-adapter-mssql-entra': [join(ROOT, 'src/index.ts')],
        'prisma-adapter-mssql-entra/opentelemetry': [join(ROOT, 'src/opentelemetry/index.ts')],
        'prisma-adapter-mssql-entra/testing': [join(ROOT, 'src/testing/index.ts')],
        'prisma-adapter-mssql-entra/*': [join(ROOT, 'src/*.ts')],
      },
    }
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    return await runProgram(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
