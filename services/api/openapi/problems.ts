/**
 * The problems in the OpenAPI document, made from the table of errors: a schema for each code, and a response for each
 * status of a call.
 */
import { type ProblemCode, problems, problemTells } from "../../../lib/errors.ts";
import { type JsonSchema, record, schemaRef, text } from "../../../lib/json-schema.ts";
import { http } from "../../../lib/net/http.ts";
import { problemDoc, problemUri } from "../http/problems.ts";
import { ids } from "./examples.ts";
import { headerRefs } from "./headers.ts";

export const problemCodes = Object.keys(problems) as ProblemCode[];

/** The name of a code's schema: `not-found` becomes `NotFoundProblem`. */
const nameOf = (code: ProblemCode) =>
  `${code.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())}Problem`;

const bare = (member: string) => member.replace("?", "");

function schemaOf(code: ProblemCode): JsonSchema {
  const { members = {} } = problemTells[code] ?? {};
  const { title, status } = problems[code];
  const optional = Object.keys(members).filter((member) => member.endsWith("?"));
  return {
    description: title,
    ...record(
      {
        type: { const: problemUri(code) },
        title: text(),
        status: { const: status },
        detail: text(),
        code: { const: code },
        doc: { const: problemDoc(code), description: "What it means, and what helps." },
        ...Object.fromEntries(Object.entries(members).map(([member, schema]) => [bare(member), schema])),
      },
      optional.map(bare),
    ),
  };
}

/** Example values of the members that a problem may have. */
const examples: Record<string, unknown> = {
  errors: [{ pointer: "/name", detail: "unknown field" }],
  line: 3,
  offset: 4711,
  column: 2,
  missing: ["amount"],
  unknown: [{ column: "Ammount", near: "amount" }],
  twice: [{ field: "order_id", columns: ["order_id", "Bestellnr."] }],
  header: "Prefer",
  algorithm: "sha-256",
  limit: 100,
  batchId: ids.batch,
  current: "completed",
  outcome: "unknown",
  "violated-policies": ["requests"],
};

function exampleOf(code: ProblemCode) {
  const { title, status } = problems[code];
  const members = Object.keys(problemTells[code]?.members ?? {}).map(bare);
  const extra = Object.fromEntries(members.map((member) => [member, examples[member]]));
  return { type: problemUri(code), title, status, detail: title, code, doc: problemDoc(code), ...extra };
}

/** A schema for each code, and the schema `Problem`, which stands for any of them. */
export const problemSchemas: Record<string, JsonSchema> = {
  ...Object.fromEntries(problemCodes.map((code) => [nameOf(code), schemaOf(code)])),
  Problem: {
    description: "RFC 9457. `code` is the stable name of what is wrong.",
    oneOf: problemCodes.map((code) => schemaRef(nameOf(code))),
    discriminator: {
      propertyName: "code",
      mapping: Object.fromEntries(problemCodes.map((code) => [code, schemaRef(nameOf(code)).$ref])),
    },
  },
};

/**
 * Problems that are answered before the caller and its limits are known, so the rate limit has not counted the request.
 */
const unspent: ProblemCode[] = [
  "unauthenticated",
  "too-many-failed-logins",
  "client-disabled",
  "forbidden",
  "cross-site",
];
/** Problems that are answered before or after the rate limit has counted the request. */
const sometimesSpent: ProblemCode[] = ["invalid-header", "unavailable"];

/** The header fields of a problem. `spent`: the headers of an answer whose request the rate limit has counted. */
function headersOf(code: ProblemCode, spent: readonly string[]): string[] {
  const own = problemTells[code]?.headers ?? [];
  if (unspent.includes(code)) return own;
  return [...own, ...(sometimesSpent.includes(code) ? spent.map((header) => `${header}?`) : spent)];
}

function response(codes: ProblemCode[], spent: readonly string[]): unknown {
  const shared = (header: string) => codes.every((code) => headersOf(code, spent).includes(header));
  const told = new Set(codes.flatMap((code) => headersOf(code, spent)));
  const names = new Set([...told].map((header) => (shared(header) ? header : `${bare(header)}?`)));
  const refs = codes.map((code) => schemaRef(nameOf(code)));
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code].title}`).join(" "),
    headers: headerRefs(["X-Request-Id", ...names]),
    content: {
      "application/problem+json": {
        schema: refs.length === 1 ? refs[0] : { oneOf: refs },
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
}

const anyProblem = (spent: readonly string[]) => ({
  description: `Any other problem; ${http.STATUS_CODES[500]} does not say what went wrong inside.`,
  headers: headerRefs(["X-Request-Id", "Allow?", "Retry-After?", ...spent.map((header) => `${header}?`)]),
  content: {
    "application/problem+json": {
      schema: schemaRef("Problem"),
      examples: { internal: { value: exampleOf("internal") } },
    },
  },
});

/** The responses that the OpenAPI document refers to. Each is added when it is first used. */
export class ProblemResponses {
  readonly components: Record<string, unknown> = {};

  /**
   * The responses to a call, by status, with `default` for problems of any call. `spent`: the headers of the rate
   * limit.
   */
  of(codes: readonly ProblemCode[], spent: readonly string[]): Record<string, unknown> {
    const wanted = problemCodes.filter((code) => codes.includes(code));
    const byStatus = Object.groupBy(wanted, (code) => String(problems[code].status));
    const suffix = spent.length > 0 ? ".client" : "";
    const entries = Object.entries(byStatus).map(([status, some = []]) => [
      status,
      this.ref(`${some.join(".")}${suffix}`, () => response(some, spent)),
    ]);
    return { ...Object.fromEntries(entries), default: this.ref(`problem${suffix}`, () => anyProblem(spent)) };
  }

  private ref(name: string, make: () => unknown): unknown {
    this.components[name] ??= make();
    return { $ref: `#/components/responses/${name}` };
  }
}
