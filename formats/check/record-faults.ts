import type { ErrorObject } from "ajv/dist/2020.js";
import type { RecordFault } from "../formats.ts";
import { boundedFault, cutText, MAX_FAULTS, MAX_TEXT } from "./fault-bounds.ts";

/** Keywords whose nested errors say all: which of `then` and `else` failed, which name of an object is wrong. */
const WRAPPERS = new Set(["if", "propertyNames"]);

/** Characters of the paths of a record's faults: 300 for each of a hundred. To look at one path of 1 MiB takes a millisecond. */
const MAX_PATHS = 32 * 1024;

/**
 * What Ajv found, in a partner's words: the path of the field, the keyword that failed, one sentence. The first 100, or as
 * many as have paths of 32,768 characters in all.
 */
export function recordFaults(record: unknown, errors: readonly ErrorObject[]): RecordFault[] {
  const faults: RecordFault[] = [];
  let characters = 0;
  for (const error of errors) {
    if (WRAPPERS.has(error.keyword)) continue;
    characters += error.instancePath.length;
    if (characters > MAX_PATHS && faults.length > 0) return faults;
    for (const fault of explained(record, error)) {
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
function explained(record: unknown, error: ErrorObject): RecordFault[] {
  const { causes = [], branches, passing } = error.params as Alternatives;
  const isRuledOut = (cause: ErrorObject) => cause.keyword === "type" && cause.instancePath === error.instancePath;
  const types = causes.filter(isRuledOut).map((cause) => cause.params.type);
  if (passing === null && types.length === branches - 1 && causes.length > types.length) {
    return recordFaults(
      record,
      causes.filter((cause) => !isRuledOut(cause)),
    );
  }
  const fault = recordFault(record, error);
  if (passing === null && branches > 0 && types.length === branches) fault.message = `must be ${types.join(" or ")}`;
  return [fault];
}

interface Alternatives {
  causes?: ErrorObject[];
  branches: number;
  passing: unknown;
}

function recordFault(record: unknown, error: ErrorObject): RecordFault {
  const { at, path } = locate(record, error.instancePath);
  const child = childOf(error);
  const field = child === undefined ? path : pathOf(path, at, child);
  if (error.keyword === "false schema") return boundedFault({ field, code: "false", message: "is not allowed" });
  return boundedFault({ field, code: error.keyword, message: messageOf(error) });
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
    case "enum":
      return `must be one of ${enumText(params.allowedValues)}`;
    case "const":
      return `must be ${cutText(JSON.stringify(params.allowedValue), MAX_VALUES)}`;
    default:
      return (message ?? `fails ${keyword}`).replace("must NOT", "must not");
  }
}

/** A long list of values is not repeated in every fault of every record. */
const MAX_VALUES = 201;

/** By the list in the schema: it would take a while to write 5,000 values for each of its faults. */
const enumTexts = new WeakMap<unknown[], string>();

function enumText(values: unknown[]): string {
  let text = enumTexts.get(values);
  if (text === undefined) {
    text = cutText(values.map((value) => JSON.stringify(value)).join(", "), MAX_VALUES);
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
