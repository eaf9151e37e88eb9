/** The columns of a file as partners see them: which field each one fills, and what it was found by. */
import { foldedName } from "../csv/names.ts";
import type { Envelope } from "../formats.ts";
import { mapColumns } from "./columns.ts";
import { defaultRead, type Read } from "./read.ts";

export interface ShownColumn {
  column: string;
  /** The path of the field, with dots. Null: the column is dropped. */
  field: string | null;
  /** `path`: the column has the name of a field inside another one. */
  by: ShownBy;
}

export const shownBys = ["name", "title", "path", "dropped"] as const;
export type ShownBy = (typeof shownBys)[number];

/** Of a format without columns there are none. */
export function shownColumns({ header = [] }: Envelope, schema: object, read: Read | null): ShownColumn[] {
  return mapColumns(header, schema, read ?? defaultRead).columns.map(({ name, path }) => {
    if (path === null) return { column: name, field: null, by: "dropped" };
    const field = path.join(".");
    const isNamed = foldedName(name) === foldedName(field);
    return { column: name, field, by: isNamed ? (path.length > 1 ? "path" : "name") : "title" };
  });
}
