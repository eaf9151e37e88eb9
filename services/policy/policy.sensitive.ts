/** Which fields may be sensitive: those of the schema. */
import { fieldsOf } from "../../formats/read/fields.ts";
import type { Fault } from "../../lib/errors.ts";

/** A path that names no field of the schema would mask nothing. */
export function sensitiveFaults(sensitive: readonly string[], schema: object): Fault[] {
  const paths = new Set(sensitive.length === 0 ? [] : fieldsOf(schema).paths.map((path) => path.join(".")));
  return sensitive.flatMap((name, i) =>
    paths.has(name)
      ? []
      : [{ pointer: `/sensitive/${i}`, detail: `expected the path of a field of the schema, found "${name}"` }],
  );
}
