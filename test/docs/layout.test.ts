import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const guide = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')

const [, layout = ''] = /^src\/\n(.*?)^test\//ms.exec(guide) ?? []
const order = [
  'index.ts',
  ...[...layout.matchAll(/^ {2}((?:[\w-]+(?:\.ts|\/)(?:, )?)+)/gm)].flatMap(([, names = '']) => names.split(', ')),
]

/** The folder or file of `src` that a file belongs to, as the list names it. */
function placeOf(file: string): string {
  const [, first = '', ...rest] = file.split('/')
  return rest.length > 0 ? `${first}/` : first
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const paths = text.matchAll(/^(?:import|export|\}) (?:[^']* )?from '(\.[^']+)'/gm)
  return [...paths].map(([, path = '']) => normalize(join(dirname(file), path)))
}

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.c?ts$/.test(name))
  .map((name) => `src/${name}`)

describe('the layout in CONTRIBUTING.md', () => {
  it('lists each file and folder of src', () => {
    expect([...new Set(files.map(placeOf))].sort()).toEqual([...order].sort())
  })

  it('lists them in the order in which they import each other', () => {
    const upward = files.flatMap((file) =>
      importsOf(file)
        .filter((path) => order.indexOf(placeOf(path)) < order.indexOf(placeOf(file)))
        .map((path) => `${file} -> ${path}`),
    )
    expect(upward).toEqual([])
  })

  it('has no files that import each other in a circle', () => {
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (file: string, way: readonly string[]) => {
      if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '))
      else if (!done.has(file)) {
        for (const path of importsOf(file)) visit(path, [...way, file])
        done.add(file)
      }
    }
    for (const file of files) visit(file, [])
    expect(circles).toEqual([])
  })

  it('has no two exports of the same name', () => {
    const filesOf = new Map<string, Set<string>>()
    for (const file of files) {
      const text = readFileSync(join(ROOT, file), 'utf8')
      for (const [, name = ''] of text.matchAll(
        /^export (?:async )?(?:function\*?|class|interface|type|const) (\w+)/gm,
      )) {
        filesOf.set(name, (filesOf.get(name) ?? new Set()).add(file))
      }
    }
    expect([...filesOf].filter(([, places]) => places.size > 1).map(([name]) => name)).toEqual([])
  })
})
