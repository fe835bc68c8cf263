import type { Output } from './terminal.ts'

/** What a command works in: the process's own, or a test's. */
export interface Surroundings {
  out: Output
  err: Output
  environment: NodeJS.ProcessEnv
  /** What the process ends with once nothing is left to do. */
  setExitCode(code: number): void
}

/** How everything on stderr begins that is not the command's own output. */
export const NAME = 'prisma-mssql-entra'

/** Says something beside the output, each of its lines where a script does not look for data. */
export function say({ err }: Pick<Surroundings, 'err'>, message: string): void {
  err.write(`${err.style('dim', `${NAME}:`)} ${message}\n`)
}
