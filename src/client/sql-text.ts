/** What a statement does, as far as its text shows: pure functions of it. */

/** Comments, strings and quoted names: what may hold any word. A comment of T-SQL may hold another one: then it is unread. */
const QUOTED = /--[^\n]*|\/\*(?:(?!\/\*|\*\/)[\s\S])*\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\[(?:[^\]]|\]\])*\]/g

/** What is left of quotes that do not end, or hold each other. */
const UNREAD = /['"[\]]|\/\*|\*\//

/**
 * Words of T-SQL that begin another statement, or have a SELECT change something: T-SQL needs no semicolon between
 * statements. `next`: NEXT VALUE FOR takes a number from a sequence. `open…`: what another server does.
 */
const CHANGES =
  /\b(?:into|output|exec|execute|insert|update|delete|merge|truncate|create|alter|drop|grant|revoke|deny|enable|disable|declare|set|use|begin|commit|rollback|save|next\s+value|openquery|openrowset|opendatasource|openxml|updatetext|writetext|bulk|backup|restore|dbcc|kill|shutdown|reconfigure|checkpoint|waitfor|raiserror|throw|print|receive|send|move|get|if|while|goto|return|revert|add|rename|copy)\b/i

/**
 * Whether a statement is certainly one SELECT, or several, that change nothing. A column with the name of a T-SQL word makes
 * the answer no, unless it is quoted, as Prisma does with all names.
 */
export function isRead(sql: string): boolean {
  const words = sql.replace(QUOTED, (part) => (/^[-/]/.test(part) ? ' ' : ' x '))
  return /^\s*select\b/i.test(words) && !CHANGES.test(words) && !UNREAD.test(words)
}

/** Whether a statement has the name of one that writes in it: if it succeeds, its database most likely takes writes. */
export function mentionsWrite(sql: string): boolean {
  return /\b(?:insert|update|delete|merge)\b/i.test(sql)
}
