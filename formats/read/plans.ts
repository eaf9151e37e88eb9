/** How each column of a batch's chunks is read. */
import type { CellKinds } from "../check/text-conversion.ts";
import type { Envelope, RecordValidator } from "../formats.ts";
import { CellPlan } from "./cell.ts";
import { type MappedColumn, mapColumns } from "./columns.ts";
import { fieldsOf } from "./fields.ts";
import { defaultRead, type Read } from "./read.ts";

export interface Plans {
  columns: readonly CellPlan[];
  /** The position of each field's column. */
  places: ReadonlyMap<string, number>;
  /** Whether cells become values here. Otherwise the validator converts them, because their type depends on more. */
  areTyped: boolean;
  /** The fewest cells of a row, and how many empty cells may follow the columns. */
  least: number;
  nameless: number;
}

/** The plans for each envelope. An envelope lives as long as its batch runs, and each chunk needs the same plans. */
const known = new WeakMap<object, { of: Read; schema: object; plans: Plans }>();

export function plansOf(envelope: Envelope, read: Read | null, validator: RecordValidator): Plans {
  const { schema } = validator;
  const of = envelope.isMapped && read !== null ? read : defaultRead;
  const found = known.get(envelope);
  if (found?.schema === schema && found.of === of) return found.plans;
  const plans = made(envelope, of, validator);
  // The validator is kept, because it continues with each chunk.
  if (plans.areTyped) known.set(envelope, { of, schema, plans });
  return plans;
}

function made(envelope: Envelope, of: Read, validator: RecordValidator): Plans {
  const { schema } = validator;
  const { header = [], nameless = 0, isMapped } = envelope;
  const columns = isMapped ? mapColumns(header, schema, of).columns : header.map(asNamed);
  const kinds = validator.cellKinds(columns.map(({ path, name }) => path?.[0] ?? name));
  const fields = fieldsOf(schema);
  const plan = (column: MappedColumn, i: number) =>
    new CellPlan(column, of, fields, (kinds?.[i] ?? null) as CellKinds | null);
  const plans = columns.map(plan);
  return {
    columns: plans,
    places: new Map(plans.flatMap(({ path, field }, i) => (path === null ? [] : [[field, i] as const]))),
    areTyped: kinds !== null,
    least: of.fillShortRows ? 1 : header.length,
    nameless,
  };
}

/** For envelopes of earlier releases: each column's name is a field's name. */
const asNamed = (name: string): MappedColumn => ({ name, path: [name], read: null });
