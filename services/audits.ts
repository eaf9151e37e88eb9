/**
 * Entries of the audit, for whichever service makes a change: the service writes the draft in the transaction of the change. And how two
 * versions of a document differ.
 */
import { isDeepStrictEqual } from "node:util";
import type { ServiceBroker } from "moleculer";
import { storable } from "../database/rows.ts";
import { actors } from "./actors.ts";
import {
  type AuditDraft,
  type AuditedAction,
  type Caller,
  DONE,
  type Subject,
  type SubjectType,
} from "./audit/audit.domain.ts";
import { uuidv7 } from "./ids.ts";

/** The parts of a call's context that identify the caller. */
export interface Asked {
  meta: object;
  requestID: string | null;
}

interface Entry {
  action: AuditedAction;
  subject: Subject;
  /** The differences between two documents, in the form of `differences`. */
  change?: Record<string, unknown> | null;
  reason?: string | undefined;
  status?: string;
}

/** Makes the draft of an entry. Null: the call names no operator, because DataFlow itself or a partner makes the change. */
export type Auditing = (entry: Entry) => AuditDraft | null;

/** The operator who has asked for the call. Null: the call names nobody. */
export const callerOf = ({ meta }: Asked): Caller | null => ("caller" in meta ? (meta.caller as Caller) : null);

/** Drafts entries for the changes of this call. */
export const auditing =
  (asked: Asked): Auditing =>
  (entry) => {
    const caller = callerOf(asked);
    return caller && draftAudit({ ...caller, requestId: asked.requestID }, entry);
  };

/** Drafts nothing, for changes without a caller. */
export const unaudited: Auditing = () => null;

export function draftAudit(
  { who, role, address, requestId }: Pick<AuditDraft, "who" | "role" | "address" | "requestId">,
  { action, subject: { type, id, name }, change, reason, status = DONE }: Entry,
): AuditDraft {
  const told = change && Object.keys(change).length > 0 ? JSON.stringify(change) : null;
  return {
    publicId: uuidv7(),
    who,
    role,
    address,
    requestId,
    action,
    subjectType: type,
    subjectId: id === null ? null : storable(id),
    subjectName: name,
    change: told,
    reason: reason === undefined ? null : storable(reason),
    status,
  };
}

/**
 * Writes entries that belong to no transaction, such as a refusal. If the write fails, it is logged, and the call continues. Null stands
 * for no entry.
 */
export async function noted(broker: ServiceBroker, ...drafts: (AuditDraft | null)[]): Promise<void> {
  const entries = drafts.filter((draft) => draft !== null);
  if (entries.length === 0) return;
  await actors.audit
    .record(broker, { entries })
    .catch((error: unknown) => broker.logger.warn("The audit could not be written:", error));
}

export const clientSubject = (client: { publicId: string; identifier: string } | null): Subject => ({
  type: "client",
  id: client?.publicId ?? null,
  name: client?.identifier ?? null,
});

/** The name or the id of an object that has only one of them. */
export const named = (type: SubjectType, id: string): Subject => ({ type, id, name: null });

/**
 * Limits for the values in an entry: longer values are cut, and further members are only counted. Otherwise a row of a list could become
 * as large as two policies.
 */
const MOST_CHARACTERS = 1_000;
const MOST_IN_ALL = 16_000;

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The differences between two JSON values, by JSON pointers: `{"/weight": [1, 2]}`. A missing member counts as null. Arrays are compared
 * as a whole.
 */
export function differences(before: unknown, after: unknown, pointer = ""): Json {
  const found = [...changed(before, after, pointer)];
  const told: Json = {};
  let characters = 0;
  for (const [i, [at, was, is]] of found.entries()) {
    const values = [cut(was), cut(is)];
    characters += at.length + JSON.stringify(values).length;
    if (characters > MOST_IN_ALL) return { ...told, truncated: found.length - i };
    told[at] = values;
  }
  return told;
}

function* changed(before: unknown, after: unknown, pointer: string): Generator<[string, unknown, unknown]> {
  if (!isObject(before) || !isObject(after)) {
    if (JSON.stringify(before ?? null) !== JSON.stringify(after ?? null)) yield [pointer, before, after];
    return;
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const step = name.replaceAll("~", "~0").replaceAll("/", "~1");
    yield* changed(before[name], after[name], `${pointer}/${step}`);
  }
}

function cut(value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : (value ?? null);
}

/** The top-level members in which two documents differ, in the order of the newer one. */
export function changedFields(before: object, after: object): string[] {
  const [was, is] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const names = new Set([...Object.keys(is), ...Object.keys(was)]);
  return [...names].filter((name) => !isDeepStrictEqual(was[name], is[name]));
}
