import type { ErrorObject } from "ajv/dist/2020.js";
import type { Fault } from "../services/errors.ts";
import { patternFault } from "./linear-pattern.ts";
import { isKnownFormat, metaAjv } from "./schema-ajv.ts";
import { compileSchema } from "./schema-compile.ts";
import { isDeeperThan, isKnownKeyword, isObject, pointerStep, type SchemaNode, walkSchema } from "./schema-walk.ts";

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
  const faults = unique([...metaFaults(schema as SchemaNode), ...nodeFaults(schema)]);
  return faults.length > 0 ? faults.slice(0, MAX_FAULTS) : compileFaults(schema as SchemaNode);
}

/** Asked first, since everything else recurses. */
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

function nodeFaults(schema: unknown): Fault[] {
  const faults: Fault[] = [];
  walkSchema(schema, (node, pointer) => {
    const fault: Report = (detail, ...steps) =>
      faults.push({ pointer: pointer + steps.map(pointerStep).join(""), detail });
    for (const name of Object.keys(node)) if (!isKnownKeyword(name)) fault("unknown keyword", name);
    dialectFault(node, fault);
    patternFaults(node, fault);
  });
  return faults;
}

type Report = (detail: string, ...steps: string[]) => void;

function dialectFault({ $schema, format }: SchemaNode, fault: Report): void {
  if ($schema !== undefined && $schema !== DRAFT && $schema !== `${DRAFT}#`) fault(`expected ${DRAFT}`, "$schema");
  if (typeof format === "string" && !isKnownFormat(format)) fault(`unknown format "${format}"`, "format");
}

function patternFaults({ pattern, patternProperties }: SchemaNode, fault: Report): void {
  const refuse = (source: string, ...steps: string[]) => {
    const reason = patternFault(source);
    if (reason !== null) fault(`expected a pattern in RE2's syntax: ${reason}`, ...steps);
  };
  if (typeof pattern === "string") refuse(pattern, "pattern");
  if (!isObject(patternProperties)) return;
  for (const source of Object.keys(patternProperties)) refuse(source, "patternProperties", source);
}

/** What only the compiler finds: references that lead nowhere, keywords that contradict each other. */
function compileFaults(schema: SchemaNode): Fault[] {
  try {
    compileSchema(schema);
    return [];
  } catch (error) {
    if (error instanceof RangeError) return [{ pointer: "", detail: "is too complex" }];
    const { missingRef, message } = error as Error & { missingRef?: string };
    if (missingRef === undefined) return [{ pointer: "", detail: message.replace(/^strict mode: /, "") }];
    return [refFault(schema, missingRef)];
  }
}

function refFault(schema: SchemaNode, missing: string): Fault {
  let pointer = "";
  walkSchema(schema, (node, at) => {
    for (const name of ["$ref", "$dynamicRef"]) {
      const ref = node[name];
      if (pointer === "" && typeof ref === "string" && missing.endsWith(ref.replace(/^\.?\//, "")))
        pointer = at + pointerStep(name);
    }
  });
  return {
    pointer,
    detail: `expected a reference within this schema: nothing is at "${missing}", and nothing is fetched`,
  };
}

function unique(faults: Fault[]): Fault[] {
  const seen = new Set<string>();
  return faults.filter(({ pointer, detail }) => {
    const key = `${pointer} ${detail}`;
    return !seen.has(key) && seen.add(key);
  });
}
