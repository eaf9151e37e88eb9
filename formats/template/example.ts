/** Makes an example record from a schema: its examples, defaults and allowed values, else a value of the type. */
import { fieldsOf, type Path, type SchemaFields } from "../read/fields.ts";
import { isObject, type SchemaNode } from "../schema/walk.ts";
import { accepting, textOf } from "./of-pattern.ts";

/** Example texts for the formats of JSON Schema. */
const OF_FORMAT: Record<string, string> = {
  date: "2026-11-29",
  time: "08:30:00Z",
  "date-time": "2026-11-29T08:30:00Z",
  duration: "P1D",
  email: "name@example.com",
  "idn-email": "name@example.com",
  hostname: "example.com",
  "idn-hostname": "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  "uri-reference": "/example",
  iri: "https://example.com/",
  "iri-reference": "/example",
  uuid: "0193b2f0-6c1e-7a55-8d1f-5a0e4bb1c0de",
};

/** A field of the record, and its value in the example. Undefined: the example leaves it out. */
export interface ExampleField {
  path: Path;
  value: unknown;
}

/** The fields of a record in the order of `properties`. Instead of an object, its fields are listed. */
export function exampleFields(schema: object): ExampleField[] {
  const fields = fieldsOf(schema);
  const whole = firstOf(fields.at([]), ({ examples }) => (Array.isArray(examples) ? examples[0] : undefined));
  const described = new Set(fields.paths.map((path) => JSON.stringify(path)));
  const undescribed = fields.required.filter((path) => path.length === 1 && !described.has(JSON.stringify(path)));
  const paths = [...leaves(fields, []), ...undescribed];
  // A file needs at least one column, also if the schema takes any field.
  if (paths.length === 0) return [{ path: ["example"], value: "text" }];
  return paths.map((path) => {
    const given = valueAt(whole, path);
    return { path, value: given === undefined ? exampleOf(fields, path) : given };
  });
}

/** The example as a record. */
export function exampleRecord(schema: object): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const { path, value } of exampleFields(schema)) if (value !== undefined) put(record, path, value);
  return record;
}

function put(record: Record<string, unknown>, path: Path, value: unknown): void {
  let at = record;
  for (const step of path.slice(0, -1)) {
    if (!Object.hasOwn(at, step)) define(at, step, {});
    at = at[step] as Record<string, unknown>;
  }
  define(at, path.at(-1) as string, value);
}

/** Sets a member without an assignment, because an assignment to `__proto__` would make no member. */
const define = (object: object, name: string, value: unknown) =>
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  return at;
}

/** The paths that have no fields inside. */
function leaves(fields: SchemaFields, prefix: Path): Path[] {
  const inner = fields.paths.filter(
    (path) => path.length === prefix.length + 1 && prefix.every((step, i) => step === path[i]),
  );
  return inner.flatMap((path) => {
    const within = leaves(fields, path);
    return within.length > 0 ? within : [path];
  });
}

function firstOf<From, T>(nodes: readonly From[], what: (node: From) => T | undefined): T | undefined {
  for (const node of nodes) {
    const found = what(node);
    if (found !== undefined) return found;
  }
  return undefined;
}

const given = ({ examples, example, default: byDefault, const: only, enum: allowed }: SchemaNode): unknown => {
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  if (example !== undefined) return example;
  return byDefault ?? only ?? (Array.isArray(allowed) ? allowed.find((one) => one !== null) : undefined);
};

function exampleOf(fields: SchemaFields, path: Path): unknown {
  const nodes = fields.at(path);
  const told = firstOf(nodes, given);
  if (told !== undefined) return told;
  const type = typeOf(nodes);
  if (type !== "array") return ofType(type, nodes);
  return itemsOf(nodes, fields.at(path, true));
}

const MOST_ITEMS = 20;

/** The items of an example list, as many as it must have: different allowed values, else the same value again. */
function itemsOf(nodes: readonly SchemaNode[], items: readonly SchemaNode[]): unknown[] | undefined {
  const least = Math.min(Math.max(1, numberIn(nodes, "minItems") ?? 1), MOST_ITEMS);
  const item = firstOf(items, given) ?? ofType(typeOf(items), items);
  if (item === undefined) return undefined;
  const allowed = firstOf(items, ({ enum: some }) => (Array.isArray(some) && some[0] === item ? some : undefined));
  return Array.from({ length: least }, (_, i) => allowed?.[i % allowed.length] ?? item);
}

const numberIn = (nodes: readonly SchemaNode[], name: string): number | undefined =>
  firstOf(nodes, (node) => (typeof node[name] === "number" ? node[name] : undefined));

const typeOf = (nodes: readonly SchemaNode[]): string =>
  firstOf(nodes, ({ type }) => [type].flat().find((one): one is string => typeof one === "string" && one !== "null")) ??
  "string";

function ofType(type: string, nodes: readonly SchemaNode[]): unknown {
  const number = (name: string) => numberIn(nodes, name);
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return numberOf(type, number);
  return type === "string" ? stringOf(nodes) : undefined;
}

/** Undefined: no text is known that the patterns accept. The partner fills the field in. */
function stringOf(nodes: readonly SchemaNode[]): string | undefined {
  const format = firstOf(nodes, (node) => (typeof node.format === "string" ? node.format : undefined));
  const ofFormat = format !== undefined && Object.hasOwn(OF_FORMAT, format) ? OF_FORMAT[format] : undefined;
  const least = numberIn(nodes, "minLength") ?? 0;
  const most = numberIn(nodes, "maxLength") ?? Number.POSITIVE_INFINITY;
  const usual = ofFormat ?? "text".padEnd(least, "x").slice(0, most);
  const patterns = nodes.flatMap(({ pattern }) => (typeof pattern === "string" ? [pattern] : []));
  if (patterns.length === 0) return usual;
  const accepted = patterns.map(accepting);
  const fits = (text: string) => {
    const { length } = [...text];
    return length >= least && length <= most && accepted.every((isAccepted) => isAccepted(text));
  };
  if (fits(usual)) return usual;
  return ofFormat === undefined ? firstOf(patterns, (pattern) => textOf(pattern, least, fits)) : undefined;
}

function numberOf(type: string, number: (name: string) => number | undefined): number {
  const step = number("multipleOf");
  const above = number("exclusiveMinimum");
  const below = number("exclusiveMaximum");
  if (type === "number" && step === undefined && above !== undefined && below !== undefined && below - above <= 2)
    return (above + below) / 2;
  const least = number("minimum") ?? (above === undefined ? undefined : above + 1);
  const most = number("maximum") ?? (below === undefined ? undefined : below - 1);
  const usual = type === "integer" ? 1 : 1.5;
  const value = Math.min(Math.max(usual, least ?? usual), most ?? Number.POSITIVE_INFINITY);
  if (step !== undefined) return Math.ceil(value / step) * step;
  return type === "integer" ? Math.ceil(value) : value;
}
