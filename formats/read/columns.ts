/** Maps the columns of a file to fields: at the upload, where faults refuse the file, and when its chunks are checked. */
import { cleanName, foldedName } from "../csv/names.ts";
import type { Envelope } from "../formats.ts";
import { declaredPath, fieldsOf, type Path } from "./fields.ts";
import { near } from "./near.ts";
import { defaultRead, type FieldRead, type Read, type UnknownColumns } from "./read.ts";

export interface MappedColumn {
  /** The name of the column in the file. */
  name: string;
  /** The path of the field. Null: the column is dropped. */
  path: Path | null;
  /** The field's entry in the policy's `read`. */
  read: FieldRead | null;
}

export interface ColumnFaults {
  missing: string[];
  unknown: { column: string; near?: string }[];
  twice: { field: string; columns: string[] }[];
}

interface Field {
  path: Path;
  name: string;
  read: FieldRead | null;
}

/** The most columns in an error's lists: a file that is not a table may have thousands. */
const MOST_TOLD = 100;
const LONGEST_TOLD = 100;
/** How many unknown columns are compared with the names of fields, to suggest one. */
const MOST_COMPARED = 20;

class FieldNames {
  readonly fields: Field[];
  readonly #maps: ReadonlyMap<string, Field | null>[];

  constructor(schema: object, read: Read) {
    const { paths } = fieldsOf(schema);
    const byName = new Map<string, Field>();
    for (const path of paths) {
      const name = path.join(".");
      // A property with this very name takes precedence over a path. Outer properties come first.
      if (!byName.has(name)) byName.set(name, { path, name, read: null });
    }
    for (const [name, of] of Object.entries(read.fields)) {
      const path = byName.get(name)?.path ?? declaredPath(name);
      byName.set(name, { path, name, read: of });
    }
    this.fields = [...byName.values()];
    const titles = this.fields.flatMap((field) => (field.read?.titles ?? []).map((title) => [title, field] as const));
    const names = this.fields.map((field) => [field.name, field] as const);
    this.#maps = [names.map(cleaned), titles.map(cleaned), names.map(folded), titles.map(folded)].map(unambiguous);
  }

  /** Finds a field by its exact name first, then without regard to case. */
  of(column: string): Field | null {
    for (const [i, map] of this.#maps.entries()) {
      const found = map.get(i < 2 ? column : foldedName(column));
      if (found) return found;
    }
    return null;
  }
}

type Named = readonly [name: string, field: Field];
const cleaned = ([name, field]: Named): Named => [cleanName(name), field];
const folded = ([name, field]: Named): Named => [foldedName(name), field];

/** Removes names that could mean two fields. */
function unambiguous(named: readonly Named[]): Map<string, Field | null> {
  const map = new Map<string, Field | null>();
  for (const [name, field] of named) map.set(name, map.has(name) && map.get(name) !== field ? null : field);
  return map;
}

/** The maps, kept for each pair of a schema and a `read`. These live as long as their policy. */
const known = new WeakMap<object, WeakMap<object, FieldNames>>();

function namesOf(schema: object, read: Read): FieldNames {
  const bySchema = known.get(schema) ?? new WeakMap<object, FieldNames>();
  known.set(schema, bySchema);
  const found = bySchema.get(read) ?? new FieldNames(schema, read);
  bySchema.set(read, found);
  return found;
}

/** Whether a field, or the title of one, has this name. A schema may also require a field that it does not describe. */
export const isFieldName = (name: string, schema: object, read: Read = defaultRead): boolean =>
  namesOf(schema, read).of(cleanName(name)) !== null ||
  fieldsOf(schema).required.some((path) => path.join(".") === cleanName(name));

/** What happens to unknown columns if `read` does not say it: they are refused if the schema allows no other property. */
export const unknownColumnsOf = (schema: object, { unknownColumns }: Read): UnknownColumns =>
  unknownColumns ?? (fieldsOf(schema).isClosed ? "refuse" : "keep");

/** Maps the columns of a file by their names, which are cleaned already. `faults` null: the file can be read. */
export function mapColumns(names: readonly string[], schema: object, read: Read = defaultRead) {
  const known = namesOf(schema, read);
  const unknownColumns = unknownColumnsOf(schema, read);
  const found = names.map((name) => known.of(name));
  const columns = names.map((name, i): MappedColumn => {
    const field = found[i];
    if (field) return { name, path: field.path, read: field.read };
    return { name, path: unknownColumns === "drop" ? null : [name], read: null };
  });
  const missing = missingOf(schema, columns);
  const twice = twiceOf(columns);
  const unknown = names.filter((_, i) => !found[i]);
  const isWrong = missing.length > 0 || twice.length > 0 || (unknownColumns === "refuse" && unknown.length > 0);
  if (!isWrong) return { columns, faults: null };
  const taken = new Set(found);
  const free = nameable(known.fields.filter((field) => !taken.has(field)));
  const faults: ColumnFaults = {
    missing: missing.slice(0, MOST_TOLD),
    unknown: unknown
      .slice(0, MOST_TOLD)
      .map((column, i) => ({ column: column.slice(0, LONGEST_TOLD), ...(i < MOST_COMPARED && nearOf(column, free)) })),
    twice: twice.slice(0, MOST_TOLD),
  };
  return { columns, faults };
}

/** Returns the required fields that no column fills, neither by their name nor by a path into them. */
function missingOf(schema: object, columns: readonly MappedColumn[]): string[] {
  const filled = new Set<string>();
  const touched = new Set<string>();
  for (const { path } of columns) {
    if (path === null) continue;
    filled.add(JSON.stringify(path));
    for (const outer of outerPaths(path)) touched.add(outer);
  }
  return fieldsOf(schema)
    .required.filter(
      (path) => !touched.has(JSON.stringify(path)) && !outerPaths(path).some((outer) => filled.has(outer)),
    )
    .map((path) => path.join("."));
}

/** Returns the path and each beginning of it: of `address.zip` also `address`. */
const outerPaths = (path: Path): string[] => path.map((_, i) => JSON.stringify(path.slice(0, i + 1)));

/** Fields that two columns fill: both the field itself, or one the field and the other a field inside it. */
function twiceOf(columns: readonly MappedColumn[]): ColumnFaults["twice"] {
  const byField = new Map<string, Set<string>>();
  const byPath = new Map<string, MappedColumn>();
  const add = (path: Path, ...names: string[]) => {
    const field = path.join(".");
    byField.set(field, new Set([...(byField.get(field) ?? []), ...names]));
  };
  for (const column of columns) {
    if (column.path === null) continue;
    const key = JSON.stringify(column.path);
    const other = byPath.get(key);
    if (other) add(column.path, other.name, column.name);
    else byPath.set(key, column);
  }
  for (const { path, name } of columns)
    for (let length = 1; path !== null && length < path.length; length++) {
      const outer = byPath.get(JSON.stringify(path.slice(0, length)));
      if (outer) add(outer.path as Path, outer.name, name);
    }
  return [...byField].map(([field, names]) => ({
    field,
    columns: [...names].map((name) => name.slice(0, LONGEST_TOLD)),
  }));
}

interface Nameable {
  folded: string[];
  fields: Field[];
}

/** All names and titles of fields. */
function nameable(fields: readonly Field[]): Nameable {
  const named = fields.flatMap((field) => [field.name, ...(field.read?.titles ?? [])].map((name) => ({ name, field })));
  return { folded: named.map(({ name }) => foldedName(name)), fields: named.map(({ field }) => field) };
}

function nearOf(column: string, { folded, fields }: Nameable): { near?: string } {
  const found = near(foldedName(column), folded);
  return found === null ? {} : { near: (fields[found] as Field).name };
}

/** A column of a file as partners see it. */
export interface ShownColumn {
  column: string;
  /** The path of the field, with dots. Null: the column is dropped. */
  field: string | null;
  /** `path`: the column has the name of a field inside another one. */
  by: ShownBy;
}

export const shownBys = ["name", "title", "path", "dropped"] as const;
export type ShownBy = (typeof shownBys)[number];

/** Which field each column fills, and by what it was found. A format without columns has none. */
export function shownColumns({ header = [] }: Envelope, schema: object, read: Read | null): ShownColumn[] {
  return mapColumns(header, schema, read ?? defaultRead).columns.map(({ name, path }) => {
    if (path === null) return { column: name, field: null, by: "dropped" };
    const field = path.join(".");
    const isNamed = foldedName(name) === foldedName(field);
    return { column: name, field, by: isNamed ? (path.length > 1 ? "path" : "name") : "title" };
  });
}
