/** What a field accepts, in words. */

/** @import { FieldRule } from "./fields.js" */

/** @type {Record<string, string>} */
const kinds = {
  string: "text",
  number: "a number, such as 1234.5",
  integer: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

/** @type {Record<string, string>} */
const forms = {
  date: "a date, such as 2026-11-29",
  "date-time": "a date with time, such as 2026-11-29T14:00:00Z",
  time: "a time, such as 14:00:00Z",
  email: "an e-mail address",
  uri: "a web address",
  uuid: "a UUID",
  ipv4: "an IPv4 address",
  ipv6: "an IPv6 address",
};

/** @param {FieldRule & Record<string, any>} rule @returns {string} */
export function acceptedBy(rule) {
  if (Array.isArray(rule.enum)) return `one of ${rule.enum.map((value) => JSON.stringify(value)).join(", ")}`;
  if ("const" in rule) return JSON.stringify(rule.const);
  const types = [rule.type ?? []].flat();
  const kind =
    forms[rule.format ?? ""] ??
    (types
      .filter((type) => type !== "null")
      .map((type) => kinds[type] ?? type)
      .join(" or ") ||
      "anything");
  const bounds = [
    rule.minimum !== undefined && `${rule.minimum} or more`,
    rule.exclusiveMinimum !== undefined && `more than ${rule.exclusiveMinimum}`,
    rule.maximum !== undefined && `${rule.maximum} or less`,
    rule.exclusiveMaximum !== undefined && `less than ${rule.exclusiveMaximum}`,
    rule.minLength === 1 && "not empty",
    rule.minLength > 1 && `at least ${rule.minLength} letters`,
    rule.maxLength !== undefined && `at most ${rule.maxLength} letters`,
    rule.multipleOf !== undefined && `a multiple of ${rule.multipleOf}`,
    rule.minItems > 0 && `at least ${rule.minItems} entries`,
    rule.maxItems !== undefined && `at most ${rule.maxItems} entries`,
    rule.pattern !== undefined && `of the form ${rule.pattern}`,
    rule.items && `each ${acceptedBy(rule.items)}`,
    types.includes("null") && "or nothing",
  ].filter(Boolean);
  return [kind, ...bounds].join(", ");
}
