/** JSON merge patches (RFC 7396) of rejected records. Numbers keep their digits. */
import { isUtf8 } from "node:buffer";
import { Problem } from "../../lib/errors.ts";
import { Digits, exactRecord } from "../check/exact-record.ts";
import { nameTwice } from "../check/json-names.ts";
import { isNestedDeeper } from "../check/json-text.ts";
import { jsonValue } from "../check/json-value.ts";
import { MAX_DEPTH } from "../split/json-element.ts";
import { NO_NUMBER, numberMember, textMember } from "./reserved.ts";

/** A line of the body: the number of a rejected record, and what becomes of its members. */
export interface RecordPatch {
  record: number;
  patch: Record<string, unknown>;
}

/** Throws malformed-body (no JSON object), validation (other members, or other values than these). `line`: its number, from 1. */
export function patchOf(bytes: Buffer, line: number): RecordPatch {
  const text = bytes.toString().trim();
  const value = objectOf(bytes, text, line);
  const faults = [...faultsOf(value)];
  if (faults.length > 0)
    throw new Problem("validation", `Line ${line} is no patch of a record.`, { errors: faults, line });
  return { record: value.record as number, patch: value.patch as Record<string, unknown> };
}

function objectOf(bytes: Buffer, text: string, line: number): Record<string, unknown> {
  const broken = (what: string) => new Problem("malformed-body", `Line ${line} ${what}.`, { line });
  if (!isUtf8(bytes)) throw broken("is not valid UTF-8");
  const value = parsed(text);
  if (!isObject(value)) throw broken("is no JSON object");
  if (isNestedDeeper(text, MAX_DEPTH)) throw broken(`is nested deeper than ${MAX_DEPTH} levels`);
  const twice = nameTwice(text, jsonValue(text));
  if (twice) throw broken(`has the name "${twice.name.slice(0, 100)}" twice in an object`);
  return value;
}

function parsed(text: string): unknown {
  try {
    return exactRecord(text);
  } catch {
    return null;
  }
}

function* faultsOf({ record, patch, ...others }: Record<string, unknown>) {
  if (!Number.isSafeInteger(record) || (record as number) < 1)
    yield { pointer: "/record", detail: "expected the number of a record: a whole number from 1 on" };
  if (!isObject(patch)) yield { pointer: "/patch", detail: "expected an object" };
  else
    for (const name of [numberMember, textMember])
      if (Object.hasOwn(patch, name)) yield { pointer: `/patch/${name}`, detail: "expected members of the record" };
  for (const name of Object.keys(others))
    yield { pointer: `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, detail: "unknown field" };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Digits);

/** A line of a correction. `read`: the JSON of the record as it was read; null: there is none, so it corrects nothing. */
export function correctionLine({ record, patch }: RecordPatch, read: string | null): string {
  // The fields stand in their places: there `sensitive` hides them, and an erasure finds them.
  if (read === null) return `${JSON.stringify({ [numberMember]: NO_NUMBER, record, ...patch })}\n`;
  const { [numberMember]: _, [textMember]: _errors, ...whole } = merged(exactRecord(read), patch) as typeof patch;
  return `${JSON.stringify({ [numberMember]: record, ...whole })}\n`;
}

function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const members = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, merged(members.get(name), value));
  }
  // Makes a member also of `__proto__`.
  return Object.fromEntries(members);
}
