/** Compares the columns of a file with the fields of the schema and of the policy's `read`. */

import { numberMember, textMember, withoutReservedColumns } from "../../formats/correction/reserved.ts";
import { encodingOf } from "../../formats/encoding/transcoder.ts";
import { type Format, knownFormats } from "../../formats/formats.ts";
import type { SplitOptions } from "../../formats/parts.ts";
import { type ColumnFaults, isFieldName, mapColumns } from "../../formats/read/columns.ts";
import { defaultRead, type Read } from "../../formats/read/read.ts";
import { Problem } from "../../lib/errors.ts";
import type { Policy } from "../policy/policy.contract.ts";

/** How a body with cells is read: as the request says, else as the policy says. */
export function readingOf(format: Format, policy: Policy, asked: SplitOptions): SplitOptions {
  const { schema } = policy;
  const read = asked.corrects ? correctionRead(policy.read ?? defaultRead) : (policy.read ?? defaultRead);
  const isField = (name: string) =>
    (asked.corrects && isReserved(name.toLowerCase())) || isFieldName(name, schema, read);
  if (!knownFormats[format].hasCells) return { ...asked, isField };
  return {
    ...asked,
    read,
    encoding: asked.encoding ?? encodingOf(read.encoding) ?? undefined,
    isField,
    checkColumns(all) {
      if (!asked.isKnown && !asked.corrects) refuseReserved(all);
      const names = asked.corrects ? withoutReservedColumns(all) : all;
      const { columns, faults } = mapColumns(names, schema, read);
      if (faults !== null) throw wrongColumns(faults);
      return columns.reduce(
        (bytes, { path }) => bytes + (path === null ? 0 : Buffer.byteLength(path.join(":{}")) + 4),
        0,
      );
    },
  };
}

const isReserved = (name: string): boolean => name === numberMember || name === textMember;

/** Files of rejected records have one row with the names of their columns, and nothing before it. */
const correctionRead = (read: Read): Read => ({
  ...read,
  dialect: { ...read.dialect, header: true, headerRows: null },
});

/** A file with these columns is meant as a correction. Records of an earlier batch may have fields of these names. */
function refuseReserved(names: readonly string[]): void {
  const found = names.find(isReserved);
  if (found === undefined) return;
  throw new Problem(
    "malformed-body",
    `The file has a column "${found}", which only files of rejected records have. Take the columns "${numberMember}" and "${textMember}" off.`,
    { column: names.indexOf(found) + 1 },
  );
}

const MOST_IN_WORDS = 5;
const inWords = (names: readonly string[]): string =>
  names
    .slice(0, MOST_IN_WORDS)
    .map((name) => `"${name}"`)
    .join(", ") + (names.length > MOST_IN_WORDS ? ` and ${names.length - MOST_IN_WORDS} more` : "");

function wrongColumns({ missing, unknown, twice }: ColumnFaults): Problem {
  const columns = unknown.map(({ column, near }) => (near === undefined ? column : `${column} (${near}?)`));
  const sentences = [
    missing.length > 0 ? `The file lacks the columns ${inWords(missing)}.` : "",
    unknown.length > 0 ? `No field is named ${inWords(columns)}.` : "",
    ...twice.slice(0, MOST_IN_WORDS).map((one) => `${inWords(one.columns)} are both the field "${one.field}".`),
  ];
  return new Problem("wrong-columns", sentences.filter(Boolean).join(" "), { missing, unknown, twice });
}
