/** A whole policy: the rules between its fields, its faults, and the defaults of absent members. */
import { fieldsOf } from "../../formats/read/fields.ts";
import type { Fault } from "../../lib/errors.ts";
import { approvalFaults } from "./policy.approval.ts";
import { all, defaultPolicy, type Policy, STORE } from "./policy.document.ts";
import { type Check, type Field, isObject, object, type Surroundings } from "./policy.fields.ts";
import { unknownNulls } from "./policy.patch.ts";
import { isRead, NO_FIELD, readFaults } from "./policy.read.ts";
import { tableFaults } from "./policy.table.ts";

/** Each path of `sensitive` names a field of the schema; any other path would mask nothing. */
function sensitiveFaults(sensitive: readonly string[], schema: object): Fault[] {
  const paths = new Set(sensitive.length === 0 ? [] : fieldsOf(schema).paths.map((path) => path.join(".")));
  return sensitive.flatMap((name, i) =>
    paths.has(name)
      ? []
      : [{ pointer: `/sensitive/${i}`, detail: `expected the path of a field of the schema, found "${name}"` }],
  );
}

/** A unique key names fields that a record may have; otherwise no record would have a key. As in records, `a.b` is a name or a path. */
function keyFaults(uniqueKey: string | string[] | null | undefined, schema: object): Fault[] {
  const fields = fieldsOf(schema);
  return [uniqueKey ?? []].flat().flatMap((name, i) => {
    if (fields.allows(name) || fields.allows(name.split(".", 1)[0] as string)) return [];
    return [{ pointer: Array.isArray(uniqueKey) ? `/uniqueKey/${i}` : "/uniqueKey", detail: NO_FIELD }];
  });
}

/** A document of these fields and no other. */
export const documentOf = (fields: [string, Field][]) =>
  object(Object.fromEntries(fields.map(([name, { check }]) => [name, check])), {
    rule: (fields) => {
      const { read, schema = {}, sensitive = [], uniqueKey, handler = STORE, table = null } = fields;
      return [
        ...(isRead(read) ? readFaults(read, schema as object) : []),
        ...sensitiveFaults(sensitive as Policy["sensitive"], schema as object),
        ...keyFaults(uniqueKey as Policy["uniqueKey"], schema as object),
        ...tableFaults(handler as string, table),
        ...approvalFaults(fields.requiresApproval, fields.approveWhen ?? null),
      ];
    },
  });

const document = documentOf(all);

/** The faults of a merge patch of a policy that the merged policy would not show. */
export const policyPatchFaults = (patch: unknown): Fault[] => unknownNulls(patch, document.schema);

/** The faults of a policy from outside, whole or partial. If there are none, `completePolicy` accepts it. */
export function policyFaults(input: unknown, surroundings: Surroundings): Fault[] {
  if (!isObject(input)) return [{ pointer: "", detail: "expected an object" }];
  return document(input, surroundings);
}

/** Gives absent members their defaults, also within `rate`, `backoff` and `webhook`. */
export function completePolicy(partial: Partial<Policy>): Policy {
  const policy: Record<string, unknown> = { ...defaultPolicy, ...partial };
  for (const [name, { check }] of all) if (isObject(policy[name])) policy[name] = whole(policy[name], check);
  return policy as Policy;
}

function whole(value: object, { complete, defaults }: Check): object {
  if (complete) return complete(value);
  return defaults ? completed(value, defaults) : value;
}

const completed = (value: object, defaults: object): object => ({
  ...value,
  ...Object.fromEntries(Object.entries(defaults).filter(([name]) => !Object.hasOwn(value, name))),
});
