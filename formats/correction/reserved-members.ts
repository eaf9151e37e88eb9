/** Records of JSON with the members that only files of rejected records have: such a body is meant as a correction. */
import { Problem } from "../../lib/errors.ts";
import { lineStarts } from "../check/ndjson.ts";
import type { RawChunk, Splitter } from "../formats.ts";
import { reservedIn } from "./members.ts";
import { numberMember, textMember } from "./reserved.ts";

const NAMES = [numberMember, textMember].map((name) => Buffer.from(`"${name}"`));

/** How each of its letters may be written in JSON. */
const lettersOf = (name: string): string =>
  [...name].map((letter) => `(?:${letter}|\\\\u00${letter.charCodeAt(0).toString(16)})`).join("");
const ESCAPED = new RegExp(`"(?:${[numberMember, textMember].map(lettersOf).join("|")})"`, "i");

/** Nearly all chunks cost one search for each name, and one for escapes of such letters. */
const mayHave = (data: Buffer): boolean =>
  NAMES.some((name) => data.includes(name)) || (data.includes("\\u00") && ESCAPED.test(data.toString("latin1")));

/** The same splitter, which refuses such a body at the first of these records. */
export function refusingReserved(splitter: Splitter): Splitter {
  const looked = (chunks: RawChunk[]): RawChunk[] => {
    for (const chunk of chunks) if (mayHave(chunk.data)) refuseIn(chunk);
    return chunks;
  };
  return {
    push: (bytes) => looked(splitter.push(bytes)),
    end: () => looked(splitter.end()),
    get envelope() {
      return splitter.envelope;
    },
    get records() {
      return splitter.records;
    },
  };
}

function refuseIn({ data, firstLine, firstRecord }: RawChunk): void {
  for (const [place, { start, end, line }] of lineStarts(data).entries()) {
    const record = data.subarray(start, end);
    const name = mayHave(record) ? reservedIn(record.toString()) : null;
    if (name === null) continue;
    throw new Problem(
      "malformed-body",
      `Record ${firstRecord + place} has the member "${name}", which only files of rejected records have. Take the members "${numberMember}" and "${textMember}" off.`,
      firstLine === null ? {} : { line: firstLine + line },
    );
  }
}
