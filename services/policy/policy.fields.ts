/** The building blocks of policy fields: each is a check, a JSON Schema and a TypeScript type in one. */
import { type Fault, Problem } from "../../lib/errors.ts";
import { input, type JsonSchema, orNull } from "../../lib/json-schema.ts";

/** What checks need beside the value. */
export interface Surroundings {
  isHandler: (name: string) => boolean;
  /** Private addresses that a webhook may have. */
  allowedHosts?: readonly string[];
}

/** The faults of a value, with pointers relative to it. */
export type Rule<T = unknown> = (value: T, around: Surroundings) => Fault[];

declare const of: unique symbol;

/** A check of one value. A value without faults is a `T`. */
export interface Check<T = unknown> extends Rule {
  /** The check as JSON Schema, as far as JSON Schema can say it. */
  readonly schema: JsonSchema;
  /** In words: "an integer from 1 to 100". */
  readonly expected: string;
  /** The defaults of an object's members. */
  readonly defaults?: object;
  /** Gives an object with inner objects all its defaults. */
  readonly complete?: (value: object) => object;
  readonly [of]?: T;
}

/** The type of a value that passes the check. */
export type Checked<C> = C extends Check<infer T> ? T : never;

export const wrong = (detail: string): Fault[] => [{ pointer: "", detail }];

export const checkOf = <T>(expected: string, schema: JsonSchema, rule: Rule, defaults?: object): Check<T> =>
  Object.assign((value: unknown, around: Surroundings) => rule(value, around), {
    schema,
    expected,
    ...(defaults && { defaults }),
  });

/** A check that reports every fault with the same sentence. */
export const check = <T>(
  expected: string,
  schema: JsonSchema,
  isRight: (value: unknown, around: Surroundings) => boolean,
): Check<T> =>
  checkOf(expected, schema, (value, around) => (isRight(value, around) ? [] : wrong(`expected ${expected}`)));

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const nullOr = <T>(inner: Check<T>): Check<T | null> =>
  Object.assign(
    checkOf<T | null>(
      `${inner.expected}, or null`,
      orNull(inner.schema),
      (value, around) =>
        value === null ? [] : inner(value, around).map((fault) => (fault.pointer === "" ? orNullFault(fault) : fault)),
      inner.defaults,
    ),
    inner.complete && { complete: inner.complete },
  );

/** A list of `min` to `max` values. */
export const listed = <T>(item: Check<T>, { min, max }: { min: number; max: number }): Check<T[]> =>
  checkOf(
    `a list of ${min} to ${max}, each ${item.expected}`,
    { type: "array", items: item.schema, minItems: min, maxItems: max },
    (value, around) => {
      if (!Array.isArray(value) || value.length < min || value.length > max)
        return wrong(`expected a list of ${min} to ${max}, each ${item.expected}`);
      return value.flatMap((one, i) =>
        item(one, around).map(({ pointer, detail }) => ({ pointer: `/${i}${pointer}`, detail })),
      );
    },
  );

/** An object with member names of any kind. */
export const mapOf = <T>(
  member: Check<T>,
  { longestName, most }: { longestName: number; most: number },
): Check<Record<string, T>> =>
  checkOf(
    `an object of up to ${most} members, each ${member.expected}`,
    {
      type: "object",
      additionalProperties: member.schema,
      propertyNames: { type: "string", minLength: 1, maxLength: longestName },
      maxProperties: most,
    },
    (value, around) => {
      if (!isObject(value)) return wrong(`expected an object of up to ${most} members`);
      if (Object.keys(value).length > most) return wrong(`expected at most ${most} members`);
      return Object.entries(value).flatMap(([name, one]) => {
        const at = `/${pointerStep(name)}`;
        if (name === "" || name.length > longestName)
          return [{ pointer: at, detail: `expected a name of 1 to ${longestName} characters` }];
        return member(one, around).map(({ pointer, detail }) => ({ pointer: at + pointer, detail }));
      });
    },
  );

const orNullFault = ({ detail }: Fault): Fault => ({ pointer: "", detail: `${detail}, or null` });

type Members = Record<string, Check>;
type Held<M extends Members> = { [Name in keyof M]: Checked<M[Name]> };

interface ObjectOptions<T> {
  /** Members that must be present. */
  required?: (keyof T & string)[];
  /** Values of absent members. */
  defaults?: Partial<T>;
  /** A check between members. It runs once each member is valid. */
  rule?: Rule<Partial<T>>;
}

/** An error lists the known members of an object only up to this number. A whole dataset has more. */
const NAMED = 12;

/** An object of these members and no other. */
export function object<M extends Members>(
  members: M,
  { required = [], defaults = {}, rule = () => [] }: ObjectOptions<Held<M>> = {},
): Check<Held<M>> {
  const properties = Object.entries(members).map(([name, { schema }]) => [
    name,
    Object.hasOwn(defaults, name) ? { ...schema, default: defaults[name] } : schema,
  ]);
  const names = Object.keys(members);
  const expected = `an object of ${names.join(", ")}`;
  const unknown = names.length <= NAMED ? `unknown field; there are ${names.join(", ")}` : "unknown field";
  return checkOf(
    expected,
    input(Object.fromEntries(properties), required),
    (value, around) => {
      if (!isObject(value)) return wrong(`expected ${expected}`);
      const missing = required.filter((name) => !Object.hasOwn(value, name));
      const faults = missing.map((name) => ({ pointer: `/${name}`, detail: "expected, but missing" }));
      for (const [name, member] of Object.entries(value)) {
        const found = Object.hasOwn(members, name) ? (members[name] as Check)(member, around) : wrong(unknown);
        faults.push(...found.map((fault) => ({ ...fault, pointer: `/${pointerStep(name)}${fault.pointer}` })));
      }
      return faults.length > 0 ? faults : rule(value as Partial<Held<M>>, around);
    },
    defaults,
  );
}

/** Throws `validation` if there are faults. `what` names the document, like "policy". */
export function refuse(what: string, errors: Fault[]): void {
  if (errors.length > 0) throw new Problem("validation", `The ${what} has wrong fields.`, { errors });
}

export const pointerStep = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** A field, declared once: validation, type, default, OpenAPI and `docs/policy.md` follow from it. */
export interface Field<T = unknown> {
  check: Check<T>;
  byDefault: T;
  meaning: string;
}

export const field = <T>(check: Check<T>, byDefault: NoInfer<T>, meaning: string): Field<T> => ({
  check,
  byDefault,
  meaning,
});
