import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** How a user's config file begins. */
export const IMPORTS = `import { defineConfig } from 'prisma/config'
import { entraDatasource } from '${join(ROOT, 'src/prisma-config.ts')}'
`

/** The same without all that the real one imports, which takes long to load as TypeScript. */
export const LIGHT_IMPORTS = `import { defineConfig } from 'prisma/config'
import { type DatasourceCall, recordDatasource } from '${join(ROOT, 'src/config/datasource-recorder.ts')}'
const entraDatasource = async (config: DatasourceCall['config'], options: object = {}) =>
  ({ url: recordDatasource({ config, options }) })
`

/** The text of a config file whose datasource is that of `entraDatasource`. */
export function configFile(args: string, imports = LIGHT_IMPORTS): string {
  return `${imports}
export default defineConfig({ schema: 'schema.prisma', datasource: await entraDatasource(${args}) })
`
}

/** A folder with files by their names, and with this repository's packages, unless it shall have none. */
export async function makeProject(files: Readonly<Record<string, string>>, hasPackages = true): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'config-project-'))
  if (hasPackages) await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}
