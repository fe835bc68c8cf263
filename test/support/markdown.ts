/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

/** The code blocks of a language, those in lists too, without their indentation. */
export function codeBlocks(text: string, language: string): string[] {
  const blocks = text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n(.*?)^\\1\`\`\``, 'gms'))
  return [...blocks].map(([, indent = '', code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

/** The rows of all tables, by their cells. */
export function tableRows(text: string): string[][] {
  const rows = text.split('\n').filter((line) => /^ *\|/.test(line))
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** The links to files and headings of the repository: the path, empty within the document, and the anchor. */
export function linksOf(text: string): [file: string, anchor: string][] {
  return [...text.matchAll(/\]\(([\w./-]*)#?([\w-]*)\)/g)].map(([, file = '', anchor = '']) => [file, anchor])
}
