/** Reads the text of a cell into a value: trims it, treats it as absent, splits it into a list, converts it. */
import type { RecordNumbers } from "../check/record-numbers.ts";
import { type CellKinds, cellNumber, FALSE_WORDS, kindsIn, TRUE_WORDS } from "../check/text-conversion.ts";
import { foldedText, without } from "../csv/names.ts";
import type { SchemaNode } from "../schema/walk.ts";
import type { MappedColumn } from "./columns.ts";
import { type DateKind, DatePattern, dateKinds } from "./dates.ts";
import type { Path, SchemaFields } from "./fields.ts";
import { isPlainNumbers, NumberReader, plainNumbers } from "./numbers.ts";
import type { Read } from "./read.ts";

/** The result for a cell that is not a valid value of its field. */
export const WRONG = Symbol("wrong");

/** The text without blanks, tabs and NBSP at its ends. */
const trimmed = (text: string): string =>
  without(text, (letter) => letter === " " || letter === "\t" || letter === "\u00a0");

/** The longest word for true, false or absent. A longer text is not compared. */
const LONGEST_WORD = 200;

const NOTHING: ReadonlySet<string> = new Set([""]);

interface Conversion {
  numbers: NumberReader | null;
  dates: readonly DatePattern[];
  dateKind: DateKind | null;
  kinds: CellKinds | null;
  words: ReadonlyMap<string, boolean>;
}

/** A column of a file, and how its cells are read. */
export class CellPlan {
  readonly name: string;
  readonly path: Path | null;
  readonly field: string;
  readonly trims: boolean;
  /** Whether `read` says nothing about the column, so that `kinds` alone decides. */
  readonly isPlain: boolean;
  /** The types that a cell may have if nothing else must be checked. Null: only text. */
  readonly kinds: CellKinds | null;
  readonly conversion: Conversion;
  readonly #missing: ReadonlySet<string>;
  readonly #separator: string | null;

  constructor({ name, path, read }: MappedColumn, of: Read, fields: SchemaFields, kinds: CellKinds | null) {
    this.name = name;
    this.path = path;
    this.field = path?.join(".") ?? name;
    const missing = read?.missingValues ?? of.missingValues;
    this.trims = read?.trim ?? of.trim;
    this.#missing = missing.length === 1 && missing[0] === "" ? NOTHING : new Set(missing);
    this.#separator = read?.separator ?? null;
    const nodes = path === null ? [] : fields.at(path, this.#separator !== null);
    const { decimalChar = ".", groupChar = null, bareNumber = true, trueValues, falseValues, format } = read ?? {};
    const numbers = { ...plainNumbers, decimalChar, groupChar, bareNumber };
    const isDeclared = !isPlainNumbers(numbers) || trueValues !== undefined || falseValues !== undefined;
    const own = kindsIn(nodes.flatMap(({ type }) => type ?? []) as string[], {
      number: !isPlainNumbers(numbers),
      boolean: trueValues !== undefined || falseValues !== undefined,
    });
    this.kinds = isDeclared || this.#separator !== null || (path?.length ?? 0) > 1 ? own : kinds;
    this.conversion = {
      kinds: this.kinds,
      numbers: isPlainNumbers(numbers) ? null : new NumberReader(numbers),
      words: new Map([
        ...(trueValues ?? TRUE_WORDS).map((word) => [foldedText(word), true] as const),
        ...(falseValues ?? FALSE_WORDS).map((word) => [foldedText(word), false] as const),
      ]),
      dates: patternsOf(format, nodes),
      dateKind: dateKindOf(nodes),
    };
    this.isPlain =
      !isDeclared &&
      format === undefined &&
      this.#separator === null &&
      this.#missing === NOTHING &&
      path?.length === 1;
  }

  /** Whether a cell holds several values. */
  get isList(): boolean {
    return this.#separator !== null;
  }

  /** The value of a cell. Undefined: the field is absent. A number that no double can hold is stored in `numbers`. */
  value(cell: string, numbers: RecordNumbers): unknown {
    const text = this.trims ? trimmed(cell) : cell;
    if (this.#missing.has(text)) return undefined;
    return this.#separator === null ? this.#converted(text, numbers) : this.#list(text, this.#separator, numbers);
  }

  #list(text: string, separator: string, numbers: RecordNumbers): unknown {
    const parts = text.split(separator).map(trimmed);
    if (parts.at(-1) === "") parts.pop();
    const items = parts.map((part) => this.#converted(part, numbers));
    return items.includes(WRONG) ? WRONG : items;
  }

  #converted(text: string, numbers: RecordNumbers): unknown {
    const { kinds, dates, words, numbers: reader } = this.conversion;
    if (dates.length > 0) {
      for (const pattern of dates) {
        const found = pattern.read(text);
        if (found !== null) return found;
      }
      return WRONG;
    }
    if (kinds === null) return text;
    if (kinds.number) {
      const found = cellNumber(reader === null ? text : (reader.read(text) ?? ""), numbers);
      if (found !== null) return found;
    }
    return kinds.boolean && text.length <= LONGEST_WORD ? (words.get(foldedText(text.trim())) ?? text) : text;
  }
}

/** The patterns of a date or time field. Patterns for other fields were refused with the policy. */
function patternsOf(format: string | string[] | undefined, nodes: readonly SchemaNode[]): DatePattern[] {
  const kind = dateKindOf(nodes);
  return format === undefined || kind === null ? [] : [format].flat().map((pattern) => new DatePattern(pattern, kind));
}

export function dateKindOf(nodes: readonly SchemaNode[]): DateKind | null {
  const found = nodes.find(({ format }) => dateKinds.includes(format as string));
  return (found?.format as DateKind | undefined) ?? null;
}

/** Sets a value in a record, and makes the objects on its path. Not by assignment, because that would make no property `__proto__`. */
export function putInto(record: Record<string, unknown>, path: Path, value: unknown): void {
  let at = record;
  for (const step of path.slice(0, -1)) {
    if (!Object.hasOwn(at, step)) define(at, step, {});
    at = at[step] as Record<string, unknown>;
  }
  define(at, path.at(-1) as string, value);
}

function define(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__")
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}
