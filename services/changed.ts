import { isDeepStrictEqual } from "node:util";

/** The top-level members in which two documents differ, in the order of the newer one. */
export function changedFields(before: object, after: object): string[] {
  const [was, is] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const names = new Set([...Object.keys(is), ...Object.keys(was)]);
  return [...names].filter((name) => !isDeepStrictEqual(was[name], is[name]));
}
