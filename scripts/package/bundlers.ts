import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { codeBlocks } from '../../test/support/markdown.ts'
import { ROOT } from '../support/commands.ts'
import { type Environment, INSTALL, runShell } from './shell.ts'

const PAGE = readFileSync(join(ROOT, 'docs/bundling.md'), 'utf8')

/** Vite and esbuild are the repository's own. */
const WEBPACK = 'webpack@5 webpack-cli@6 ts-loader@9'

/** What `docs/bundling.md` names in place of a program. */
const DOCUMENTED = 'src/handler.ts'

/** A command of `docs/bundling.md`, on one line. @param containing - what is in it alone */
export function documentedCommand(containing: string): string {
  const found = codeBlocks(PAGE, 'sh').find((code) => code.includes(containing))
  if (found === undefined) throw new Error(`docs/bundling.md has no command with ${containing}.`)
  return found.replaceAll('\\\n', '').trim()
}

/** The config of `docs/bundling.md` with this file name. */
function documentedConfig(file: string): string {
  const found = codeBlocks(PAGE, 'js').find((code) => code.startsWith(`// ${file}`))
  if (found === undefined) throw new Error(`docs/bundling.md has no ${file}.`)
  return found
}

/** A line of a config as `docs/bundling.md` says that it is for CommonJS. */
function withLine(config: string, from: string, to: string): string {
  assert.ok(config.includes(from), `${from} is not in the config of docs/bundling.md`)
  return config.replace(from, to)
}

/** A user's project, and how the bundlers of `docs/bundling.md` make one file of a program of it. */
export class Bundlers {
  readonly #folder: string
  readonly #deployed: string
  readonly #program: string

  /**
   * @param folder - of the project
   * @param program - a file of it
   * @param deployed - where to put the bundles, far from any `node_modules`
   */
  constructor(folder: string, program: string, deployed: string) {
    this.#folder = folder
    this.#program = program
    this.#deployed = deployed
    mkdirSync(deployed, { recursive: true })
  }

  /** Runs a command of the page's in the project. */
  #run(command: string): Promise<string> {
    const PATH = [join(this.#folder, 'node_modules/.bin'), join(ROOT, 'node_modules/.bin'), process.env.PATH]
    return runShell(command.replace(/^npx /, '').replace(DOCUMENTED, this.#program), this.#folder, {
      PATH: PATH.join(delimiter),
    })
  }

  /** esbuild, as CommonJS. */
  async esbuild(): Promise<string[]> {
    const file = join(this.#deployed, 'esbuild.cjs')
    await this.#run(`${documentedCommand('--format=cjs --define')} --log-level=error`.replace('dist/handler.cjs', file))
    return [file]
  }

  /** Vite's build for a server, as ES module and as CommonJS. */
  async vite(): Promise<string[]> {
    const config = documentedConfig('vite.config.mjs')
    const formats = { es: config, cjs: withLine(config, "format: 'es'", "format: 'cjs'") }
    return Promise.all(
      Object.entries(formats).map(async ([format, text]) => {
        const [name, out] = [`vite.${format}.config.mjs`, join(this.#deployed, `vite-${format}`)]
        writeFileSync(join(this.#folder, name), text)
        await this.#run(documentedCommand('npx vite').replace('vite build', `vite build -c ${name} --outDir ${out}`))
        if (format === 'es') writeFileSync(join(out, 'package.json'), JSON.stringify({ type: 'module' }))
        return join(out, this.#program.replace(/\.ts$/, format === 'es' ? '.js' : '.cjs'))
      }),
    )
  }

  /** webpack, as ES module and as CommonJS. Installs it first. */
  async webpack(): Promise<string[]> {
    await runShell(`${INSTALL} ${WEBPACK}`, this.#folder)
    const config = documentedConfig('webpack.config.mjs').replace(DOCUMENTED, this.#program)
    const commonJs = withLine(
      withLine(config, '  experiments: { outputModule: true },\n', ''),
      "filename: 'handler.mjs', module: true",
      "filename: 'handler.cjs'",
    )
    return Promise.all(
      Object.entries({ mjs: config, cjs: commonJs }).map(async ([format, text]) => {
        const [name, out] = [`webpack.${format}.config.mjs`, join(this.#deployed, `webpack-${format}`)]
        writeFileSync(join(this.#folder, name), text)
        const told = await this.#run(`webpack -c ${name} --output-path ${out}`)
        assert.doesNotMatch(told, /WARNING|ERROR/, told)
        return join(out, `handler.${format}`)
      }),
    )
  }

  /** The command, as CommonJS, signs in where nothing else is. */
  async command(environment: Environment): Promise<void> {
    const file = join(this.#deployed, 'prisma-mssql-entra.cjs')
    await this.#run(documentedCommand('dist/cli/main.js').replace('dist/prisma-mssql-entra.cjs', file))
    await runShell(`node ${file} doctor`, this.#deployed, environment)
  }
}
