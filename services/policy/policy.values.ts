/** The checks of single values in a policy: numbers, texts, times, names of fields. */
import { type Check, check, checkOf, wrong } from "./policy.fields.ts";

export function integer(min: number, max: number): Check<number> {
  const isRight = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return check(`an integer ${range}`, { type: "integer", minimum: min, maximum: max }, isRight);
}

export const boolean: Check<boolean> = check(
  "true or false",
  { type: "boolean" },
  (value) => typeof value === "boolean",
);

const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

export const clock: Check<string> = check(
  'a time of day like "22:00"',
  { type: "string", pattern: CLOCK.source },
  (value) => typeof value === "string" && CLOCK.test(value),
);

/** An offset ("+01:00") is no time zone: clocks change, so a place needs its name. */
const ZONE = /^[A-Za-z]/;

export const timeZone: Check<string> = check(
  'an IANA time zone like "Europe/Lisbon"',
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

export const oneOf = <const V extends string>(...values: V[]): Check<V> =>
  check(inWords(values), { type: "string", enum: values }, (value) => values.includes(value as V));

export const someOf = <const V extends string>(...values: V[]): Check<V[]> => {
  const expected = `a list of one or more of ${values.join(", ")}, none twice`;
  const schema = { type: "array", items: { type: "string", enum: values }, minItems: 1, uniqueItems: true };
  return checkOf(expected, schema, (value) => {
    if (!Array.isArray(value) || value.length === 0) return wrong(`expected ${expected}`);
    return value.flatMap((item, i) => {
      if (!values.includes(item)) return [{ pointer: `/${i}`, detail: `expected ${inWords(values)}` }];
      return value.indexOf(item) < i ? [{ pointer: `/${i}`, detail: `expected "${item}" only once` }] : [];
    });
  });
};

export const text = (min: number, max: number): Check<string> =>
  check(
    `a text of ${min} to ${max} characters`,
    { type: "string", minLength: min, maxLength: max },
    (value) => typeof value === "string" && value.length >= min && value.length <= max,
  );

const isFieldName = (value: unknown) => typeof value === "string" && value.length > 0 && value.length <= 255;
const fieldName = { type: "string", minLength: 1, maxLength: 255 };

/** One field of a record, or several. */
export const fieldNames: Check<string | string[]> = check(
  "a field's name or a list of 1 to 16, none twice, each of 1 to 255 characters",
  { anyOf: [fieldName, { type: "array", items: fieldName, minItems: 1, maxItems: 16, uniqueItems: true }] },
  (value) => {
    const names = Array.isArray(value) ? value : [value];
    const isCount = names.length > 0 && names.length <= 16;
    return isCount && new Set(names).size === names.length && names.every(isFieldName);
  },
);

const MOST_PATHS = 100;

/** Paths of fields of a record, with dots in between. */
export const fieldPaths: Check<string[]> = check(
  `a list of up to ${MOST_PATHS} paths of fields, none twice, each of 1 to 255 characters`,
  { type: "array", items: fieldName, maxItems: MOST_PATHS, uniqueItems: true },
  (value) =>
    Array.isArray(value) &&
    value.length <= MOST_PATHS &&
    new Set(value).size === value.length &&
    value.every(isFieldName),
);

const inWords = (values: readonly string[]): string => values.map((value) => `"${value}"`).join(" or ");
