/** The policy's `read`: how the partner's file is read. Its members are checked one by one, then beside each other and the schema. */

import { FALSE_WORDS, TRUE_WORDS } from "../../formats/check/text-conversion.ts";
import { delimiterOf, SNIFFED } from "../../formats/csv/dialect.ts";
import { cleanName, foldedName, foldedText } from "../../formats/csv/names.ts";
import { encodingOf } from "../../formats/encoding/transcoder.ts";
import { dateKindOf } from "../../formats/read/cell.ts";
import { patternFault } from "../../formats/read/dates.ts";
import { declaredPath, fieldsOf, type SchemaFields } from "../../formats/read/fields.ts";
import { type FieldRead, type PartialRead, type Read, type ReadDialect, wholeRead } from "../../formats/read/read.ts";
import type { SchemaNode } from "../../formats/schema/walk.ts";
import type { Fault } from "../../lib/errors.ts";
import { type Check, check, checkOf, isObject, listed, mapOf, nullOr, object, pointerStep } from "./policy.fields.ts";
import { boolean, integer, oneOf, text } from "./policy.values.ts";

const MOST_COLUMNS = 10_000;
const LONGEST_NAME = 1000;

const char = (expected: string, pattern: string): Check<string> => {
  const regExp = new RegExp(pattern, "u");
  return check(expected, { type: "string", pattern }, (value) => typeof value === "string" && regExp.test(value));
};

const mark = char("one ASCII punctuation character", "^[!-/:-@\\[-`{-~]$");
const number = { decimal: "^[^\\d\\s+\\-\\p{L}]$", group: "^[^\\d+\\-\\p{L}\\t\\r\\n]$" };
const words = listed(text(1, 100), { min: 1, max: 100 });

const encoding: Check<string> = check(
  "a label of the WHATWG Encoding Standard that can be decoded",
  { type: "string" },
  (value) => typeof value === "string" && encodingOf(value) !== null,
);

const delimiter: Check<string> = check(
  "comma, semicolon, tab, pipe, or one ASCII punctuation character that is no quote",
  { type: "string" },
  (value) => typeof value === "string" && delimiterOf(value) !== null,
);

const headerRows = listed(integer(1, 10_000), { min: 1, max: 10 });

const columns: Check<string[]> = checkOf(
  "a list of the names of columns, none empty, none twice",
  {
    type: "array",
    items: { type: "string", minLength: 1, maxLength: LONGEST_NAME },
    minItems: 1,
    maxItems: MOST_COLUMNS,
  },
  (value, around) => {
    const faults = listed(text(1, LONGEST_NAME), { min: 1, max: MOST_COLUMNS })(value, around);
    if (faults.length > 0) return faults;
    const names = (value as string[]).map(cleanName);
    return names.flatMap((name, i) => {
      if (name === "") return [{ pointer: `/${i}`, detail: "expected a name" }];
      return names.indexOf(name) < i
        ? [{ pointer: `/${i}`, detail: `expected each name once, found ${JSON.stringify(name)} again` }]
        : [];
    });
  },
);

const field = object({
  titles: listed(text(1, LONGEST_NAME), { min: 0, max: 100 }),
  decimalChar: char("one character that is no digit, letter, blank or sign", number.decimal),
  groupChar: nullOr(char("one character that is no digit, letter or sign", number.group)),
  bareNumber: boolean,
  format: checkOf(
    "a strptime pattern or a list of them",
    { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1, maxItems: 20 }] },
    (value, around) => {
      if (typeof value === "string") return text(1, 100)(value, around);
      return listed(text(1, 100), { min: 1, max: 20 })(value, around);
    },
  ) as Check<string | string[]>,
  trueValues: words,
  falseValues: words,
  separator: text(1, 10),
  trim: boolean,
  missingValues: listed(text(0, 100), { min: 0, max: 100 }),
});

const dialect = object({
  delimiter: nullOr(delimiter),
  quoteChar: mark,
  escapeChar: nullOr(mark),
  header: boolean,
  headerRows: nullOr(headerRows),
  commentChar: nullOr(mark),
  skipInitialSpace: boolean,
  sheetName: nullOr(text(1, 31)),
  sheetNumber: integer(1, 10_000),
});

const members = object({
  encoding,
  dialect,
  columns: nullOr(columns),
  unknownColumns: oneOf("keep", "drop", "refuse"),
  fillShortRows: boolean,
  trim: boolean,
  missingValues: listed(text(0, 100), { min: 0, max: 100 }),
  fields: mapOf(field, { longestName: 255, most: 2_000 }),
});

/** Checks each member by itself, then all of them together. */
export const read: Check<Read> = Object.assign(
  checkOf<Read>("an object of how files are read", members.schema, (value, around) => {
    const faults = members(value, around);
    return faults.length > 0 ? faults : memberFaults(wholeRead(value as PartialRead));
  }),
  { complete: (value: object) => wholeRead(value as PartialRead) },
);

function memberFaults({ dialect, fields }: Read): Fault[] {
  return [
    ...dialectFaults(dialect).map((fault) => under("/dialect", fault)),
    ...titleFaults(fields),
    ...Object.entries(fields).flatMap(([name, of]) =>
      fieldFaults(of).map((fault) => under(`/fields/${pointerStep(name)}`, fault)),
    ),
  ];
}

const under = (prefix: string, { pointer, detail }: Fault): Fault => ({ pointer: prefix + pointer, detail });

/** Each character has one meaning. If the escape character is the quote itself, quotes are doubled. */
function dialectFaults({ delimiter, quoteChar, escapeChar, commentChar, headerRows }: ReadDialect): Fault[] {
  const taken: (string | null)[] = delimiter === null ? [...SNIFFED] : [delimiterOf(delimiter)];
  const faults: Fault[] = [];
  const add = (name: string, own: string | null) => {
    if (own !== null && taken.includes(own))
      faults.push({ pointer: `/${name}`, detail: "expected another character than those of the dialect beside it" });
    taken.push(own);
  };
  add("quoteChar", quoteChar);
  if (escapeChar !== quoteChar) add("escapeChar", escapeChar);
  add("commentChar", commentChar);
  if (headerRows?.some((row, i) => i > 0 && row <= (headerRows[i - 1] as number)))
    faults.push({ pointer: "/headerRows", detail: "expected lines in rising order" });
  return faults;
}

/** Titles are unique: a title of two fields would name neither. */
function titleFaults(fields: Read["fields"]): Fault[] {
  const owners = new Map<string, string>();
  return Object.entries(fields).flatMap(([name, { titles = [] }]) =>
    titles.flatMap((title, i) => {
      const folded = foldedName(title);
      const owner = owners.get(folded);
      owners.set(folded, owner ?? name);
      const pointer = `/fields/${pointerStep(name)}/titles/${i}`;
      if (folded === "") return [{ pointer, detail: "expected a title that can be seen" }];
      return owner === undefined || owner === name
        ? []
        : [{ pointer, detail: `expected a title that no other field has, found one of ${owner}` }];
    }),
  );
}

function fieldFaults({ decimalChar = ".", groupChar = null, trueValues, falseValues }: FieldRead): Fault[] {
  const faults: Fault[] = [];
  if (decimalChar === groupChar)
    faults.push({ pointer: "/groupChar", detail: "expected another character than decimalChar" });
  const yes = new Set((trueValues ?? TRUE_WORDS).map(foldedText));
  const both = (falseValues ?? FALSE_WORDS).findIndex((word) => yes.has(foldedText(word)));
  if (both >= 0 && (trueValues ?? falseValues) !== undefined)
    faults.push({
      pointer: falseValues ? `/falseValues/${both}` : "/trueValues",
      detail: "expected no word for both true and false",
    });
  return faults;
}

/** The faults between `read` and the schema, each of which is valid by itself. */
export function readFaults(read: PartialRead, schema: object): Fault[] {
  const fields = fieldsOf(schema);
  const declared = read.fields ?? {};
  const names = new Set([...fields.paths.map((path) => path.join(".")), ...Object.keys(declared)].map(cleanName));
  return Object.entries(declared).flatMap(([name, of]) =>
    [...schemaFaults(name, of, fields), ...nameFaults(name, of, names)].map((fault) =>
      under(`/read/fields/${pointerStep(name)}`, fault),
    ),
  );
}

/** A column with the name of a field fills that field, so the same title of another field would never be found. */
function nameFaults(name: string, { titles = [] }: FieldRead, names: ReadonlySet<string>): Fault[] {
  return titles.flatMap((title, i) => {
    const clean = cleanName(title);
    if (clean === cleanName(name) || !names.has(clean)) return [];
    return [{ pointer: `/titles/${i}`, detail: "expected another title, because a field has this name" }];
  });
}

export const NO_FIELD = "expected a field of the schema, which allows no other";

function schemaFaults(name: string, of: FieldRead, fields: SchemaFields): Fault[] {
  const { format, separator } = of;
  const path = fields.paths.find((one) => one.join(".") === name) ?? declaredPath(name);
  if (fields.isClosed && !fields.paths.some(([first]) => first === path[0])) return [{ pointer: "", detail: NO_FIELD }];
  const wrong = kindFaults(of, (isItems) => typesIn(fields.at(path, isItems)));
  if (wrong.length > 0 || format === undefined) return wrong;
  const kind = dateKindOf(fields.at(path, separator !== undefined));
  const pointer = "/format";
  if (kind === null)
    return [{ pointer, detail: "expected only for a field whose format in the schema is date, time or date-time" }];
  return [format].flat().flatMap((pattern, i) => {
    const detail = patternFault(pattern, kind);
    return detail === null ? [] : [{ pointer: Array.isArray(format) ? `${pointer}/${i}` : pointer, detail }];
  });
}

/** Declarations for numbers, booleans or lists of a field with another type. They would have no effect. */
function kindFaults(of: FieldRead, typesOf: (isItems: boolean) => ReadonlySet<unknown>): Fault[] {
  const { decimalChar = ".", groupChar = null, bareNumber = true, trueValues, falseValues, separator } = of;
  const own = typesOf(separator !== undefined);
  const faultOf = (member: keyof FieldRead, types: ReadonlySet<unknown>, ...wanted: string[]): Fault[] =>
    types.size === 0 || wanted.some((type) => types.has(type))
      ? []
      : [{ pointer: `/${member}`, detail: `expected only for a field whose type in the schema is ${wanted.at(0)}` }];
  return [
    ...(separator === undefined ? [] : faultOf("separator", typesOf(false), "array")),
    ...(decimalChar === "." ? [] : faultOf("decimalChar", own, "number", "integer")),
    ...(groupChar === null ? [] : faultOf("groupChar", own, "number", "integer")),
    ...(bareNumber ? [] : faultOf("bareNumber", own, "number", "integer")),
    ...(trueValues === undefined ? [] : faultOf("trueValues", own, "boolean")),
    ...(falseValues === undefined ? [] : faultOf("falseValues", own, "boolean")),
  ];
}

const typesIn = (nodes: readonly SchemaNode[]): ReadonlySet<unknown> =>
  new Set(nodes.flatMap(({ type }) => type ?? []));

export const isRead = (value: unknown): value is PartialRead => isObject(value);
