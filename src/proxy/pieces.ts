/** Cuts a text into pieces, at the ends of lines where it can, else of sentences, else of words. Pure. */
export function piecesOf(text: string, longest: number): string[] {
  const lines = text.split('\n').flatMap((line) => cut(line, longest))
  return joined(lines, '\n', longest)
    .map((piece) => piece.replace(/^\n+|\n+$/g, ''))
    .filter((piece) => piece.trim() !== '')
}

function cut(line: string, longest: number): string[] {
  if (line.length <= longest) return [line]
  const sentences = line.split(/(?<=[.;:!?]) +/).flatMap((sentence) => {
    if (sentence.length <= longest) return [sentence]
    return joined(
      sentence.split(' ').flatMap((word) => chopped(word, longest)),
      ' ',
      longest,
    )
  })
  return joined(sentences, ' ', longest)
}

/** A word that is longer than a piece, such as a URL. Never between the halves of a surrogate pair. */
function chopped(word: string, longest: number): string[] {
  const parts: string[] = []
  for (let rest = word; rest !== ''; ) {
    const high = rest.charCodeAt(longest - 1)
    const end = rest.length > longest && high >= 0xd800 && high < 0xdc00 ? longest - 1 : longest
    parts.push(rest.slice(0, end))
    rest = rest.slice(end)
  }
  return parts
}

/** As many of the parts in each piece as fit. */
function joined(parts: readonly string[], by: string, longest: number): string[] {
  const pieces: string[] = []
  for (const part of parts) {
    const last = pieces.at(-1)
    if (last !== undefined && last.length + by.length + part.length <= longest)
      pieces[pieces.length - 1] = last + by + part
    else pieces.push(part)
  }
  return pieces
}
