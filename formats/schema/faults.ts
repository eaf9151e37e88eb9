import type { ErrorObject } from "ajv/dist/2020.js";
import type { Fault } from "../../lib/errors.ts";
import { isStandIn } from "../check/record-numbers.ts";
import { isKnownFormat, metaAjv } from "./ajv.ts";
import { type CheckTools, checkTools, compilePrepared } from "./compile.ts";
import type { Patterns } from "./linear-pattern.ts";
import { prepareSchema } from "./prepare.ts";
import { isDeeperThan, isKnownKeyword, isObject, pointerStep, type SchemaNode, walkSchema } from "./walk.ts";

const MAX_SCHEMA_BYTES = 65_536;
/** Deeper ones overflow the stack somewhere between the compiler and V8's parser. */
const MAX_DEPTH = 100;
const MAX_FAULTS = 20;
const TYPES = "null, boolean, object, array, number, integer or string";
const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/** What keeps a partner's schema from being used, with JSON Pointers into it; none: it can be compiled. */
export function recordSchemaFaults(schema: unknown): Fault[] {
  const bounds = boundFault(schema);
  if (bounds !== null) return [{ pointer: "", detail: bounds }];
  const tools = checkTools();
  const faults = unique([
    ...metaFaults(schema as SchemaNode),
    ...nodeFaults(schema, tools.patterns),
    ...standInFaults(schema),
  ]);
  return faults.length > 0 ? faults.slice(0, MAX_FAULTS) : compileFaults(schema as SchemaNode, tools);
}

/** Checked first, because every other check recurses. */
function boundFault(schema: unknown): string | null {
  if (!isObject(schema)) return "expected a JSON Schema, an object";
  if (isDeeperThan(MAX_DEPTH, schema)) return `is nested more than ${MAX_DEPTH} levels deep`;
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  return bytes > MAX_SCHEMA_BYTES ? `expected at most ${MAX_SCHEMA_BYTES} bytes, found ${bytes}` : null;
}

function metaFaults(schema: SchemaNode): Fault[] {
  const { $schema: _, ...rest } = schema;
  const ajv = metaAjv();
  if (ajv.validateSchema(rest)) return [];
  return (ajv.errors ?? []).map(metaFault);
}

function metaFault({ instancePath, keyword, message }: ErrorObject): Fault {
  const isType = keyword === "anyOf" && instancePath.endsWith("/type");
  return { pointer: instancePath, detail: isType ? `expected ${TYPES}, or a list of these` : (message ?? "is wrong") };
}

function nodeFaults(schema: unknown, patterns: Patterns): Fault[] {
  const faults: Fault[] = [];
  walkSchema(schema, (node, pointer) => {
    const fault: Report = (detail, ...steps) =>
      faults.push({ pointer: pointer + steps.map(pointerStep).join(""), detail });
    for (const name of Object.keys(node)) if (!isKnownKeyword(name)) fault(unknownKeyword(name), name);
    dialectFault(node, fault);
    patternFaults(node, patterns, fault);
  });
  return faults;
}

/** Keywords of other drafts and of OpenAPI 3.0, and what says the same in draft 2020-12. */
const IN_PLACE: Record<string, string> = {
  nullable: '"null" as one more type',
  dependencies: "dependentRequired or dependentSchemas",
  additionalItems: "prefixItems, and items for the rest",
  id: "$id",
  $recursiveRef: "$dynamicRef",
  $recursiveAnchor: "$dynamicAnchor",
};

const unknownKeyword = (name: string): string =>
  Object.hasOwn(IN_PLACE, name) ? `unknown keyword: expected ${IN_PLACE[name]} in its place` : "unknown keyword";

type Report = (detail: string, ...steps: string[]) => void;

function dialectFault({ $schema, format }: SchemaNode, fault: Report): void {
  if ($schema !== undefined && $schema !== DRAFT && $schema !== `${DRAFT}#`) fault(`expected ${DRAFT}`, "$schema");
  if (typeof format === "string" && !isKnownFormat(format)) fault(`unknown format "${format}"`, "format");
}

function patternFaults({ pattern, patternProperties }: SchemaNode, patterns: Patterns, fault: Report): void {
  const refuse = (source: string, ...steps: string[]) => {
    const reason = patterns.fault(source);
    if (reason !== null) fault(`expected a pattern in RE2's syntax: ${reason}`, ...steps);
  };
  if (typeof pattern === "string") refuse(pattern, "pattern");
  if (!isObject(patternProperties)) return;
  for (const source of Object.keys(patternProperties)) refuse(source, "patternProperties", source);
}

/** In a record this number means that a double cannot hold the real one. A schema cannot tell the two apart. */
function standInFaults(value: unknown, pointer = ""): Fault[] {
  if (typeof value === "number" && isStandIn(value))
    return [{ pointer, detail: `expected another number than ${value}` }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => standInFaults(inner, pointer + pointerStep(name)));
}

/** References without a target, and faults that only the compiler finds. */
function compileFaults(schema: SchemaNode, tools: CheckTools): Fault[] {
  const prepared = prepareSchema(schema);
  if (prepared.faults.length > 0) return prepared.faults.slice(0, MAX_FAULTS);
  try {
    compilePrepared(prepared, tools);
    return [];
  } catch (error) {
    const detail = error instanceof RangeError ? "is too complex" : (error as Error).message;
    return [{ pointer: "", detail }];
  }
}

function unique(faults: Fault[]): Fault[] {
  const seen = new Set<string>();
  return faults.filter(({ pointer, detail }) => {
    const key = `${pointer} ${detail}`;
    return !seen.has(key) && seen.add(key);
  });
}
