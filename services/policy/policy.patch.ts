/** JSON merge patches (RFC 7396) of policies and datasets. */
import type { Fault } from "../../lib/errors.ts";
import { isObject, pointerStep } from "./policy.fields.ts";

/** A merge patch (RFC 7396). Null removes a member, so `completePolicy` restores its default. Changes neither argument. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  // Not by assignment: a member named `__proto__` must stay an ordinary member.
  return Object.fromEntries(merged);
}

interface Known {
  properties?: Record<string, Known>;
  /** In a map: the schema of each member. */
  additionalProperties?: false | Known;
}

/** Finds nulls of unknown members. The merged document has no trace of them, so the patch itself is looked at. */
export function unknownNulls(patch: unknown, { properties = {}, additionalProperties }: Known): Fault[] {
  if (!isObject(patch)) return [];
  return Object.entries(patch).flatMap(([name, value]) => {
    const pointer = `/${pointerStep(name)}`;
    const member = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (value === null) return member === false ? [{ pointer, detail: "unknown field" }] : [];
    if (!member) return [];
    return unknownNulls(value, member).map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
  });
}
