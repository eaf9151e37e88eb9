import type { Fault } from "../errors.ts";

/** A check of one value: why it is none of those wanted, with pointers relative to it. */
export type Check = (value: unknown) => Fault[];

const wrong = (detail: string): Fault[] => [{ pointer: "", detail }];

/** A check that can say all in one sentence. */
const check =
  (detail: string, isRight: (value: unknown) => boolean): Check =>
  (value) =>
    isRight(value) ? [] : wrong(detail);

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function integer(min: number, max: number): Check {
  const isRight = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return check(`expected an integer ${range}`, isRight);
}

export const boolean: Check = check("expected true or false", (value) => typeof value === "boolean");

export const clock: Check = check(
  'expected a time of day like "22:00"',
  (value) => typeof value === "string" && /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(value),
);

export const timeZone: Check = check('expected an IANA time zone like "Europe/Lisbon"', (value) => {
  // Offsets ("+01:00") are none: a place whose clocks change needs its name.
  if (typeof value !== "string" || !/^[A-Za-z]/.test(value)) return false;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: value });
    return true;
  } catch {
    return false;
  }
});

export const oneOf = (...values: string[]): Check =>
  check(`expected ${listed(values)}`, (value) => values.includes(value as string));

export const someOf = (...values: string[]): Check =>
  check(
    `expected a list of one or more of ${values.join(", ")}, none twice`,
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      new Set(value).size === value.length &&
      value.every((item) => values.includes(item)),
  );

const isFieldName = (value: unknown) => typeof value === "string" && value.length > 0 && value.length <= 255;

/** One field of a record, or several. */
export const fieldNames: Check = check(
  "expected a field's name or a list of 1 to 16, none twice, each of 1 to 255 characters",
  (value) => {
    const names = Array.isArray(value) ? value : [value];
    const isCount = names.length > 0 && names.length <= 16;
    return isCount && new Set(names).size === names.length && names.every(isFieldName);
  },
);

export const nullOr =
  (inner: Check): Check =>
  (value) =>
    value === null ? [] : inner(value).map((fault) => (fault.pointer === "" ? orNull(fault) : fault));

const orNull = ({ detail }: Fault): Fault => ({ pointer: "", detail: `${detail}, or null` });

/** An object of these members and no other. `complete`: all of them must be there. `rule`: one between members, all right. */
export function object(members: Record<string, Check>, { complete = false, rule = (() => []) as Check } = {}): Check {
  return (value) => {
    if (!isObject(value)) return wrong(`expected an object of ${Object.keys(members).join(", ")}`);
    const missing = complete ? Object.keys(members).filter((name) => !Object.hasOwn(value, name)) : [];
    const faults = missing.map((name) => ({ pointer: `/${name}`, detail: "expected, but missing" }));
    for (const [name, member] of Object.entries(value)) {
      const found = Object.hasOwn(members, name) ? (members[name] as Check)(member) : wrong("unknown field");
      faults.push(...found.map((fault) => ({ ...fault, pointer: `/${pointerStep(name)}${fault.pointer}` })));
    }
    return faults.length > 0 ? faults : rule(value);
  };
}

const pointerStep = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

const listed = (values: string[]): string => values.map((value) => `"${value}"`).join(" or ");
