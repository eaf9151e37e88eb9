import type { ErrorObject } from "ajv/dist/2020.js";
import type { RecordFault } from "../formats.ts";
import { shownJson } from "../read/shown.ts";
import { boundedFault, cutText, MAX_FAULTS, MAX_TEXT } from "./fault-bounds.ts";
import type { RecordNumbers } from "./record-numbers.ts";

/** Keywords whose nested errors say all: which of `then` and `else` failed, which name of an object is wrong. */
const WRAPPERS = new Set(["if", "propertyNames"]);

/** Characters of the paths of a record's faults: 300 for each of a hundred. To look at one path of 1 MiB takes a millisecond. */
const MAX_PATHS = 32 * 1024;

/**
 * What Ajv found, in a partner's words: the path of the field, the keyword that failed, one sentence. The first 100, or as
 * many as have paths of 32,768 characters in all.
 */
export function recordFaults(
  record: unknown,
  errors: readonly ErrorObject[],
  numbers: RecordNumbers | null = null,
): RecordFault[] {
  const faults: RecordFault[] = [];
  let characters = 0;
  for (const error of errors) {
    if (WRAPPERS.has(error.keyword)) continue;
    characters += error.instancePath.length;
    if (characters > MAX_PATHS && faults.length > 0) return faults;
    for (const fault of explained(record, error, numbers)) {
      if (faults.length === MAX_FAULTS) return faults;
      faults.push(fault);
    }
  }
  return faults;
}

/**
 * Where a value fits none of several alternatives, all but one often by its type (`null`, say): then that one's errors
 * tell what is wrong. Where each is ruled out by its type, the types tell it. Else the keyword speaks for itself.
 */
function explained(record: unknown, error: ErrorObject, numbers: RecordNumbers | null): RecordFault[] {
  const { causes = [], branches, passing } = error.params as Alternatives;
  const isRuledOut = (cause: ErrorObject) => cause.keyword === "type" && cause.instancePath === error.instancePath;
  const types = causes.filter(isRuledOut).map((cause) => cause.params.type);
  if (passing === null && types.length === branches - 1 && causes.length > types.length) {
    return recordFaults(
      record,
      causes.filter((cause) => !isRuledOut(cause)),
      numbers,
    );
  }
  const fault = recordFault(record, error, numbers);
  if (passing === null && branches > 0 && types.length === branches) fault.message = `must be ${types.join(" or ")}`;
  return [fault];
}

interface Alternatives {
  causes?: ErrorObject[];
  branches: number;
  passing: unknown;
}

function recordFault(record: unknown, error: ErrorObject, numbers: RecordNumbers | null): RecordFault {
  const { at, path } = locate(record, error.instancePath);
  const child = childOf(error);
  const field = child === undefined ? path : pathOf(path, at, child);
  const found = child === undefined ? at : (at as Record<string, unknown> | undefined)?.[child];
  // The error report shows the whole record beside its faults anyway.
  const value = field === "" || found === undefined ? {} : { value: shownJson(found, numbers) };
  if (error.keyword === "false schema")
    return { ...boundedFault({ field, code: "false", message: "is not allowed" }), ...value };
  return { ...boundedFault({ field, code: error.keyword, message: messageOf(error) }), ...value };
}

/** The property that an error is about, where Ajv names only the object around it. */
function childOf({ keyword, params, propertyName }: ErrorObject): string | undefined {
  if (propertyName !== undefined) return propertyName;
  if (keyword === "required" || keyword === "dependentRequired") return params.missingProperty;
  if (keyword === "additionalProperties") return params.additionalProperty;
  if (keyword === "unevaluatedProperties" || keyword === "unevaluatedItems") return params.unevaluated;
  return undefined;
}

function messageOf({ keyword, message, params, propertyName }: ErrorObject): string {
  if (propertyName !== undefined) return `property name ${message}`;
  switch (keyword) {
    case "required":
      return "is required";
    case "dependentRequired":
      return `is required when ${params.property} is present`;
    case "additionalProperties":
    case "unevaluatedProperties":
      return "is not a known property";
    case "unevaluatedItems":
      return "is not allowed";
    case "type":
      return `must be ${[params.type].flat().join(" or ")}`;
    case "enum":
      return `must be one of ${enumText(params.allowedValues)}`;
    case "format":
      return formatMessage(params.format);
    case "const":
      return `must be ${cutText(JSON.stringify(params.allowedValue), MAX_VALUES)}`;
    default:
      return (message ?? `fails ${keyword}`).replace("must NOT", "must not");
  }
}

/** The formats that partners meet, in words. */
const EXAMPLES: Record<string, string> = {
  date: "a date like 2026-11-29",
  time: "a time with its offset like 13:45:00Z",
  "date-time": "a date and time with its offset like 2026-11-29T13:45:00Z",
  duration: "a duration like P1DT12H",
  email: "an e-mail address like ann@example.com",
  hostname: "a host name like shop.example.com",
  ipv4: "an IPv4 address like 192.0.2.1",
  ipv6: "an IPv6 address like 2001:db8::1",
  uri: "a URI like https://example.com/a",
  "uri-reference": "a URI or a path like /a/b",
  "uri-template": "a URI template like https://example.com/{id}",
  url: "a URL like https://example.com/a",
  byte: "base64 like aGVsbG8=",
  int32: "a whole number from -2147483648 to 2147483647",
  int64: "a whole number from -9223372036854775808 to 9223372036854775807",
  "iso-date-time": "a date and time like 2026-11-29T13:45:00",
  "iso-time": "a time like 13:45:00",
  "json-pointer": "a JSON Pointer like /a/0",
  "json-pointer-uri-fragment": "a JSON Pointer like #/a/0",
  regex: "a regular expression like ^[a-z]+$",
  "relative-json-pointer": "a relative JSON Pointer like 1/a",
  uuid: "a UUID like 0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a47",
};

const formatMessage = (format: string): string =>
  Object.hasOwn(EXAMPLES, format) ? `must be ${EXAMPLES[format]}` : `must match format "${format}"`;

/** How many values of an enum a fault lists. */
const MOST_LISTED = 10;

/** A long list of values is not repeated in every fault of every record. */
const MAX_VALUES = 201;

/** The texts by the list in the schema, because writing 5,000 values for each fault would take a while. */
const enumTexts = new WeakMap<unknown[], string>();

function enumText(values: unknown[]): string {
  let text = enumTexts.get(values);
  if (text === undefined) {
    const listed = values.slice(0, MOST_LISTED).map((value) => JSON.stringify(value));
    const more = values.length > MOST_LISTED ? ` and ${values.length - MOST_LISTED} more` : "";
    text = cutText(listed.join(", "), MAX_VALUES) + more;
    enumTexts.set(values, text);
  }
  return text;
}

/** Follows a JSON Pointer into the record: `/tags/2` is `tags[2]` of an array, `tags.2` of an object. No further than it is shown. */
function locate(record: unknown, pointer: string): { at: unknown; path: string } {
  let at = record;
  let path = "";
  if (pointer === "") return { at, path };
  for (const step of pointer.split("/").slice(1)) {
    if (path.length > MAX_TEXT) break;
    const name = step
      .slice(0, 2 * MAX_TEXT + 2)
      .replaceAll("~1", "/")
      .replaceAll("~0", "~");
    path = pathOf(path, at, name);
    at = (at as Record<string, unknown> | undefined)?.[name];
  }
  return { at, path };
}

function pathOf(path: string, parent: unknown, name: string): string {
  if (Array.isArray(parent)) return `${path}[${name}]`;
  return path === "" ? name : `${path}.${name}`;
}
