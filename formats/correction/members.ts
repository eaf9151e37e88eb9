/** Takes members off a record of JSON. What is left is byte for byte what it was. */
import { correctedNumber, NO_NUMBER, numberMember, type RecordNumber, recordNumber, textMember } from "./reserved.ts";

const BLANK = /[ \t\r]/;
const START = /[^ \t\r]/;

interface Member {
  name: string;
  value: string;
  /** With the blanks around it. */
  text: string;
}

const isReserved = ({ name }: Member): boolean => name === numberMember || name === textMember;

/** The first of the two members that the record has. Null: it has none, or is no object. */
export function reservedIn(line: string): string | null {
  const open = line.search(START);
  return line[open] === "{" ? (membersOf(line, open + 1).members.find(isReserved)?.name ?? null) : null;
}

/** The record without `_record` and `_errors`. A text that is no object stays as it is. */
export function withoutReserved(line: string): { line: string; number: RecordNumber } {
  const open = line.search(START);
  if (line[open] !== "{") return { line, number: null };
  const { members, rest } = membersOf(line, open + 1);
  if (!members.some(isReserved)) return { line, number: null };
  // If a name comes twice, it is unclear which value is meant.
  const said = (of: string) => {
    const [first, second] = members.filter(({ name }) => name === of);
    return second === undefined ? (first?.value ?? "null") : String(NO_NUMBER);
  };
  const left = members.filter((member) => !isReserved(member)).map(({ text }) => text);
  const tail = rest.startsWith("}") || left.length === 0 ? rest : `,${rest}`;
  return {
    line: `${line.slice(0, open + 1)}${left.join(",")}${tail}`,
    number: correctedNumber(numberOf(said(numberMember)), said(textMember).slice(1, -1)),
  };
}

const numberOf = (value: string): RecordNumber => {
  if (value === "null") return null;
  return value.startsWith('"') ? NO_NUMBER : (recordNumber(value) ?? NO_NUMBER);
};

/** The members from `at` on, as far as the text is JSON; `rest` begins with the brace that ends the object, or is what is no JSON. */
function membersOf(line: string, at: number): { members: Member[]; rest: string } {
  const members: Member[] = [];
  for (let from = at; ; ) {
    const member = memberAt(line, from);
    const next = member === null ? "" : line[member.end];
    if (member === null || (next !== "," && next !== "}")) return { members, rest: line.slice(from) };
    members.push({ name: member.name, value: member.value, text: line.slice(from, member.end) });
    if (next === "}") return { members, rest: line.slice(member.end) };
    from = member.end + 1;
  }
}

function memberAt(line: string, from: number): { name: string; value: string; end: number } | null {
  const start = skipBlanks(line, from);
  const nameEnd = stringEnd(line, start);
  const colon = nameEnd === null ? -1 : skipBlanks(line, nameEnd);
  if (nameEnd === null || line[colon] !== ":") return null;
  const value = skipBlanks(line, colon + 1);
  const end = valueEnd(line, value);
  return { name: nameOf(line.slice(start, nameEnd)), value: line.slice(value, end).trim(), end };
}

function nameOf(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return "";
  }
}

function skipBlanks(line: string, from: number): number {
  let at = from;
  while (BLANK.test(line.charAt(at))) at++;
  return at;
}

/** The position after the text that begins at `from`. Null: there is no text, or it never ends. */
function stringEnd(line: string, from: number): number | null {
  if (line[from] !== '"') return null;
  for (let at = from + 1; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if (line[at] === '"') return at + 1;
  }
  return null;
}

/** The comma or brace behind the value, or the end of the line. */
function valueEnd(line: string, from: number): number {
  let depth = 0;
  for (let at = from; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '"') {
      const end = stringEnd(line, at);
      if (end === null) return line.length;
      at = end - 1;
    } else if (char === "[" || char === "{") depth++;
    else if (depth === 0 && (char === "," || char === "}")) return at;
    else if (char === "]" || char === "}") depth--;
  }
  return line.length;
}
