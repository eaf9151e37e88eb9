import { Errors } from "moleculer";
import { count, described, id, type JsonSchema, listOf, record, text } from "./json-schema.ts";

/** One kind of refusal: its HTTP status, whether the same request may succeed later, and one sentence. */
interface ProblemKind {
  status: number;
  retryable: boolean;
  title: string;
}

/** Every error that a user can see, by its stable code. The HTTP layer, the OpenAPI document and the docs are made from it. */
export const problems = {
  unauthenticated: { status: 401, retryable: false, title: "Credentials are missing or wrong." },
  "client-disabled": { status: 403, retryable: false, title: "This client is disabled." },
  forbidden: { status: 403, retryable: false, title: "The role or the key does not allow this." },
  "cross-site": { status: 403, retryable: false, title: "A page of another site asked for this." },
  "too-many-failed-logins": { status: 429, retryable: true, title: "Too many failed logins from this address." },
  "not-found": { status: 404, retryable: false, title: "There is nothing here." },
  gone: { status: 410, retryable: false, title: "This was here, and is not kept any longer." },
  "method-not-allowed": { status: 405, retryable: false, title: "This resource does not know that method." },
  validation: { status: 422, retryable: false, title: "A field is wrong or unknown." },
  "malformed-body": { status: 400, retryable: false, title: "The body cannot be read." },
  "wrong-columns": { status: 400, retryable: false, title: "The columns of the file are not those of the dataset." },
  "empty-body": { status: 400, retryable: false, title: "The body holds no record." },
  "invalid-header": { status: 400, retryable: false, title: "A header is malformed." },
  "digest-mismatch": { status: 400, retryable: false, title: "The body is not what its digest says." },
  "payload-too-large": { status: 413, retryable: false, title: "The body is larger than allowed." },
  "too-many-records": {
    status: 413,
    retryable: false,
    title: "The body has more records, or blank lines, than allowed.",
  },
  "unsupported-media-type": { status: 415, retryable: false, title: "This media type is not accepted." },
  "unsupported-encoding": { status: 415, retryable: false, title: "This content encoding is not accepted." },
  "unsupported-transfer-coding": { status: 501, retryable: false, title: "This transfer coding is not known." },
  "duplicate-batch": { status: 409, retryable: false, title: "This content was imported before." },
  "idempotency-in-progress": { status: 409, retryable: true, title: "The first request with this key still runs." },
  "idempotency-key-reused": { status: 422, retryable: false, title: "This key came before with other content." },
  "upload-timeout": { status: 408, retryable: true, title: "The upload sent nothing, or too little, for too long." },
  "too-many-uploads": { status: 429, retryable: true, title: "Too many uploads of this client run at once." },
  "too-many-streams": {
    status: 429,
    retryable: true,
    title: "Too many event streams, exports or files are open.",
  },
  "illegal-state": { status: 409, retryable: false, title: "The batch is not in a state that allows this." },
  "not-undoable": { status: 409, retryable: false, title: "What the batch has delivered cannot be taken back." },
  "legal-hold": { status: 409, retryable: false, title: "A legal hold keeps what this would delete." },
  "no-webhook": { status: 409, retryable: false, title: "The client has no webhook that can be sent to." },
  "alerts-off": { status: 409, retryable: false, title: "No chat is told of alerts." },
  conflict: { status: 409, retryable: false, title: "This exists already." },
  "precondition-failed": { status: 412, retryable: false, title: "It changed since it was read." },
  "quota-exceeded": { status: 429, retryable: true, title: "A quota of the policy is used up." },
  unavailable: { status: 503, retryable: true, title: "The service cannot take this now." },
  internal: { status: 500, retryable: false, title: "A defect of the service." },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problems;

/** What some problems carry beside their detail: members of the body, and header fields. `?`: not always. */
interface ProblemTells {
  members?: Record<string, JsonSchema>;
  headers?: string[];
}

const limit = { limit: count };
const faults = listOf(record({ pointer: text("A JSON Pointer (RFC 6901)."), detail: text() }));
const retryAfter = ["Retry-After"];

export const problemTells: Partial<Record<ProblemCode, ProblemTells>> = {
  unauthenticated: { headers: ["WWW-Authenticate"] },
  "too-many-failed-logins": { members: limit, headers: retryAfter },
  "not-found": {
    members: { "kept?": described("The versions of this document that are kept.", record({ from: count, to: count })) },
  },
  "method-not-allowed": { headers: ["Allow"] },
  validation: { members: { errors: faults } },
  "malformed-body": {
    members: {
      "line?": count,
      "offset?": count,
      "column?": count,
      "found?": text("What the body is."),
      "sheets?": listOf(text("A sheet of the workbook.")),
    },
  },
  "wrong-columns": {
    members: {
      missing: listOf(text("A required field that no column fills.")),
      unknown: listOf(
        record({ column: text("Its name in the file."), near: text("The field that it may stand for.") }, ["near"]),
      ),
      twice: listOf(record({ field: text(), columns: listOf(text()) })),
    },
  },
  "invalid-header": { members: { "header?": text() } },
  "digest-mismatch": { members: { algorithm: text() } },
  "payload-too-large": { members: limit },
  "too-many-records": { members: limit },
  "unsupported-media-type": { headers: ["Accept?"] },
  "unsupported-encoding": { headers: ["Accept-Encoding"] },
  "duplicate-batch": { members: { batchId: id } },
  "idempotency-in-progress": { headers: retryAfter },
  "too-many-uploads": { members: limit, headers: retryAfter },
  "too-many-streams": { members: limit, headers: retryAfter },
  conflict: {
    members: {
      "clients?": count,
      "batches?": count,
      "overrides?": listOf(record({ clientId: id, errors: faults })),
    },
  },
  "illegal-state": { members: { current: text() } },
  "quota-exceeded": { members: { "violated-policies": listOf(text()) }, headers: retryAfter },
  unavailable: { members: { "outcome?": { const: "unknown" }, "batchId?": id }, headers: retryAfter },
};

/** What a problem may carry beside its detail: members of the answer's body, and `headers`. */
export interface ProblemExtra {
  errors?: Fault[];
  line?: number;
  offset?: number;
  limit?: number;
  header?: string;
  current?: string;
  batchId?: string;
  headers?: Record<string, string>;
  [member: string]: unknown;
}

/** A wrong field: `pointer` is its JSON Pointer (RFC 6901), `detail` says what was expected. */
export interface Fault {
  pointer: string;
  detail: string;
}

/**
 * The one error that our code throws at a user. As a MoleculerError it keeps code, type and data over the transporter.
 * `type` is the problem's code, `code` its HTTP status, `data` the extra members.
 */
export class Problem extends Errors.MoleculerError {
  constructor(type: ProblemCode, detail: string, extra: ProblemExtra = {}) {
    super(detail, problems[type].status, type, extra);
    this.name = "Problem";
    this.retryable = problems[type].retryable;
  }
}

/** Whether `error` is a Problem, also one from another node; with `type`, whether it is that problem. */
export function isProblem(error: unknown, type?: ProblemCode): error is Problem & { type: ProblemCode } {
  const found = (error as { type?: string } | null)?.type;
  return typeof found === "string" && Object.hasOwn(problems, found) && (type === undefined || found === type);
}

/** For work that can be done later: null for a failure that may pass. Rethrows a refusal. */
export function nullIfLater(error: unknown): null {
  if (isProblem(error) && !error.retryable) throw error;
  return null;
}

/** Puts the pointer of a part in front of its faults' pointers. */
export const rethrowUnder =
  (prefix: string) =>
  (error: unknown): never => {
    if (!isProblem(error, "validation")) throw error;
    const { errors = [] } = error.data as ProblemExtra;
    throw new Problem("validation", error.message, {
      errors: errors.map(({ pointer, detail }) => ({ pointer: prefix + pointer, detail })),
    });
  };
