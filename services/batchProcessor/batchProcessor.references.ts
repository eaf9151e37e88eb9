/** Checks the references of a chunk's rows before anything is delivered (`table.checkReferences`). */
import { faultOf, UNKNOWN_REFERENCE } from "../../database/targets/outcome.ts";
import type { TablePlan, TableReference } from "../../database/targets/target.ts";
import { originAt } from "../../formats/check/error-report.ts";
import type { RejectedRecord } from "../../formats/formats.ts";
import type { TableRow } from "../batch/batch.table.domain.ts";
import { without } from "./batchProcessor.rows.ts";
import type { SeenKeys } from "./batchProcessor.seen.ts";
import { type Checked, textPlaces } from "./batchProcessor.unique.ts";

/** Answers the indexes of those keys that no row of the referenced table has. */
export type Look = (reference: TableReference, keys: string[][]) => Promise<number[]>;

/** Whether a row may refer to an earlier record of the same batch. */
export const refersToItself = ({ references }: TablePlan): boolean =>
  references.some(({ own }) => own?.isExact === true);

/** A reference of a chunk's rows: the key to which each row refers, and the key by which other rows can refer to it. */
interface Asked {
  reference: TableReference;
  /** The key that the row refers to. Null: the row refers to nothing. */
  keyOf(row: TableRow): string | null;
  ownOf(row: TableRow): string | null;
  unknown: ReadonlySet<string>;
}

/**
 * Rejects the records of the chunk that refer to a missing row. If the table refers to itself, a row may also refer to an earlier
 * record. `seen`: the keys of earlier records; those of the chunk are added.
 */
export async function withKnownReferences(checked: Checked, look: Look, seen: SeenKeys): Promise<Checked> {
  const { table } = checked;
  if (!table || table.plan.references.length === 0) return checked;
  const asked = await Promise.all(table.plan.references.map((one) => askedOf(one, table.plan, table.rows, look)));
  const places = textPlaces(checked);
  const left = new Set<number>();
  const rejected: RejectedRecord[] = [];
  for (const [rank, row] of table.rows.entries()) {
    const broken = row.isDelete ? [] : asked.filter((one) => isBroken(one, row, seen));
    if (broken.length === 0) {
      if (!row.isDelete) for (const one of asked) addOwn(one, row, seen);
      continue;
    }
    const index = places[rank] as number;
    const errors = broken.map(({ reference }) => faultOf(refusalOf(reference, table.plan), table, index));
    rejected.push({ index, ...originAt(table.origins, index), errors });
    left.add(rank);
  }
  if (left.size === 0) return checked;
  const kept = <T>(list: T[]): T[] => list.filter((_one, rank) => !left.has(rank));
  const unfit = [...(table.unfit ?? []), ...rejected.map(({ index, errors }) => ({ index, errors }))];
  const rows = { ...table, rows: kept(table.rows), keys: table.keys && kept(table.keys), unfit };
  return { ...without(checked, left, rejected), table: rows };
}

async function askedOf(reference: TableReference, plan: TablePlan, rows: TableRow[], look: Look): Promise<Asked> {
  const keyOf = keyBy(plan, reference.columns);
  const distinct = new Set(rows.flatMap((row) => (row.isDelete ? [] : (keyOf(row) ?? []))));
  const keys = [...distinct];
  const found = await look(
    reference,
    keys.map((key) => JSON.parse(key)),
  );
  const unknown = new Set(found.map((n) => keys[n] as string));
  return { reference, keyOf, ownOf: keyBy(plan, reference.own?.columns ?? []), unknown };
}

/** The values of these columns as one text. Null: a value is NULL or not known before the write, so the reference is not checked. */
function keyBy({ columns }: TablePlan, names: string[]): (row: TableRow) => string | null {
  const numbers = names.map((name) => columns.findIndex(({ column }) => column.name === name));
  if (numbers.length === 0 || numbers.includes(-1)) return () => null;
  return ({ values }) => {
    const key = numbers.map((i) => values[i] ?? null);
    return key.includes(null) ? null : JSON.stringify(key);
  };
}

function isBroken({ reference, keyOf, ownOf, unknown }: Asked, row: TableRow, seen: SeenKeys): boolean {
  const key = keyOf(row);
  if (key === null || !unknown.has(key)) return false;
  const { own } = reference;
  if (own === null) return true;
  return own.isExact && key !== ownOf(row) && !seen.has(nameOf(own.columns, key));
}

function addOwn({ reference: { own }, ownOf }: Asked, row: TableRow, seen: SeenKeys): void {
  const key = ownOf(row);
  if (own?.isExact && key !== null) seen.add(nameOf(own.columns, key));
}

const nameOf = (columns: string[], key: string): string => `${columns.join("\0")}\0${key}`;

/** The fault of a missing reference. It names the field of the reference's first column that a field fills. */
function refusalOf({ constraint, columns }: TableReference, plan: TablePlan) {
  const isOfField = (name: string) =>
    plan.columns.some(({ column, source }) => column.name === name && "path" in source);
  const column = columns.find(isOfField) ?? null;
  const message = UNKNOWN_REFERENCE;
  return { code: "reference" as const, constraint, column, isAlone: columns.length === 1, message };
}
