import type { Fault } from "../../lib/errors.ts";
import { input, type JsonSchema, orNull } from "../../lib/json-schema.ts";

/** The faults of a value, with pointers relative to it. */
export type Rule = (value: unknown) => Fault[];

/** A check of one value, and the same as JSON Schema, as far as JSON Schema can express it. */
export type Check = Rule & { readonly schema: JsonSchema };

const wrong = (detail: string): Fault[] => [{ pointer: "", detail }];

export const checkOf = (schema: JsonSchema, rule: Rule): Check =>
  Object.assign((value: unknown) => rule(value), { schema });

/** A check with one sentence for all faults. */
const check = (detail: string, schema: JsonSchema, isRight: (value: unknown) => boolean): Check =>
  checkOf(schema, (value) => (isRight(value) ? [] : wrong(detail)));

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function integer(min: number, max: number): Check {
  const isRight = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return check(`expected an integer ${range}`, { type: "integer", minimum: min, maximum: max }, isRight);
}

export const boolean: Check = check(
  "expected true or false",
  { type: "boolean" },
  (value) => typeof value === "boolean",
);

const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

export const clock: Check = check(
  'expected a time of day like "22:00"',
  { type: "string", pattern: CLOCK.source },
  (value) => typeof value === "string" && CLOCK.test(value),
);

/** An offset ("+01:00") is no time zone: clocks change, so a place needs its name. */
const ZONE = /^[A-Za-z]/;

export const timeZone: Check = check(
  'expected an IANA time zone like "Europe/Lisbon"',
  { type: "string", pattern: ZONE.source },
  (value) => {
    if (typeof value !== "string" || !ZONE.test(value)) return false;
    try {
      new Intl.DateTimeFormat("en-US", { timeZone: value });
      return true;
    } catch {
      return false;
    }
  },
);

export const oneOf = (...values: string[]): Check =>
  check(`expected ${listed(values)}`, { type: "string", enum: values }, (value) => values.includes(value as string));

export const someOf = (...values: string[]): Check =>
  check(
    `expected a list of one or more of ${values.join(", ")}, none twice`,
    { type: "array", items: { type: "string", enum: values }, minItems: 1, uniqueItems: true },
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      new Set(value).size === value.length &&
      value.every((item) => values.includes(item)),
  );

const isFieldName = (value: unknown) => typeof value === "string" && value.length > 0 && value.length <= 255;
const fieldName = { type: "string", minLength: 1, maxLength: 255 };

/** One field of a record, or several. */
export const fieldNames: Check = check(
  "expected a field's name or a list of 1 to 16, none twice, each of 1 to 255 characters",
  { anyOf: [fieldName, { type: "array", items: fieldName, minItems: 1, maxItems: 16, uniqueItems: true }] },
  (value) => {
    const names = Array.isArray(value) ? value : [value];
    const isCount = names.length > 0 && names.length <= 16;
    return isCount && new Set(names).size === names.length && names.every(isFieldName);
  },
);

export const nullOr = (inner: Check): Check =>
  checkOf(orNull(inner.schema), (value) =>
    value === null ? [] : inner(value).map((fault) => (fault.pointer === "" ? orNullFault(fault) : fault)),
  );

const orNullFault = ({ detail }: Fault): Fault => ({ pointer: "", detail: `${detail}, or null` });

/** An object of these members and no other. `required`: these must be there. `rule`: a check between members, once each of them is valid. */
export function object(
  members: Record<string, Check>,
  { required = [], rule = () => [] }: { required?: string[]; rule?: Rule } = {},
): Check {
  const properties = Object.fromEntries(Object.entries(members).map(([name, { schema }]) => [name, schema]));
  return checkOf(input(properties, required), (value) => {
    if (!isObject(value)) return wrong(`expected an object of ${Object.keys(members).join(", ")}`);
    const missing = required.filter((name) => !Object.hasOwn(value, name));
    const faults = missing.map((name) => ({ pointer: `/${name}`, detail: "expected, but missing" }));
    for (const [name, member] of Object.entries(value)) {
      const found = Object.hasOwn(members, name) ? (members[name] as Check)(member) : wrong("unknown field");
      faults.push(...found.map((fault) => ({ ...fault, pointer: `/${pointerStep(name)}${fault.pointer}` })));
    }
    return faults.length > 0 ? faults : rule(value);
  });
}

const pointerStep = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

const listed = (values: string[]): string => values.map((value) => `"${value}"`).join(" or ");
