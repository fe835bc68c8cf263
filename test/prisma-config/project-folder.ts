import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const HEADER = 'datasource db {\n  provider = "sqlserver"\n}\n'

/** A user's project: a schema, and the migrations that were made of it. */
export class ProjectFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** @param within - the folder to make it in */
  static async make(within: string, models = ''): Promise<ProjectFolder> {
    const project = new ProjectFolder(await mkdtemp(join(within, 'project-')))
    await project.writeModels(models)
    return project
  }

  writeModels(models: string): Promise<void> {
    return writeFile(join(this.path, 'schema.prisma'), `${HEADER}\n${models}\n`)
  }

  schema(): Promise<string> {
    return readFile(join(this.path, 'schema.prisma'), 'utf8')
  }

  /** Writes or overwrites one. */
  async writeMigration(name: string, sql: string): Promise<void> {
    const folder = join(this.path, 'migrations', name)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'migration.sql'), sql)
  }

  /** The names of the migrations, in order. */
  async migrations(): Promise<string[]> {
    const entries = await readdir(join(this.path, 'migrations'), { withFileTypes: true }).catch(() => [])
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  }

  /** What it is that the migrations were made for. */
  lockFile(): Promise<string> {
    return readFile(join(this.path, 'migrations', 'migration_lock.toml'), 'utf8')
  }

  migration(name: string): Promise<string> {
    return readFile(join(this.path, 'migrations', name, 'migration.sql'), 'utf8')
  }
}
