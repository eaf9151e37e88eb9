/** The calls of admins about operators, by their routes below /admin. */
import { schemaRef } from "../../../lib/json-schema.ts";
import { pageSchema } from "../http/pages.ts";
import { newOperator, newOperatorSchema, operatorChange } from "../routes/admin.operators.ts";
import { cursor, ids } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody, textOf } from "./kit.ts";

const alice = { name: "alice", role: "operator", expiresAt: null, createdAt: "2026-11-23T08:00:00.000Z" };
const token = "dfo_k3v9q0x1m2ab_PqB4Zt0uXn8vJ2kR6sW1yLc5dF7gH9aE3mT0iUoQxZs";
const asOperator: Record<number, Answer> = {
  200: { description: "The operator.", content: content(schemaRef("Operator"), { alice }) },
};
const withToken = content(newOperatorSchema, { alice: { ...alice, token } });

const entry = {
  id: ids.event,
  at: "2026-11-23T08:00:00.000Z",
  who: "alice",
  role: "operator",
  address: "192.0.2.7",
  requestId: ids.request,
  action: "batch.reject",
  subject: { type: "batch", id: ids.batch, name: null },
  change: { "/status": ["held", "rejected"] },
  reason: "The file is of last year.",
  status: "done",
};
const entryCsv =
  "id,at,who,role,address,requestId,action,subjectType,subjectId,subjectName,change,reason,status\r\n" +
  `${ids.event},2026-11-23T08:00:00.000Z,alice,operator,192.0.2.7,${ids.request},batch.reject,batch,${ids.batch},,"{""/status"":[""held"",""rejected""]}",The file is of last year.,done\r\n`;

export const operatorsCalls = {
  "GET /audit": {
    id: "listAudit",
    summary: "See who has changed what, newest first",
    description:
      "Changes of operators, each written with its change, and what an operator's role did not allow; logins with a session; failed logins by address, counted each minute. Secrets are never in it. " +
      "With `Accept: application/x-ndjson` or `text/csv` all entries come, without `limit` and `cursor`. They are kept for AUDIT_RETENTION.",
    parameters: ["who", "action", "subject", "from", "to", "limit", "cursor"],
    answers: {
      200: {
        description: "A page.",
        headers: ["Content-Disposition?", "Vary"],
        content: {
          ...content(pageSchema("AuditEntry"), { page: { items: [entry], next: cursor } }),
          ...content(
            textOf("application/x-ndjson", "An entry a line.", schemaRef("AuditEntry")),
            { entries: `${JSON.stringify(entry)}\n` },
            "application/x-ndjson",
          ),
          ...content(textOf("text/csv", "An entry a row."), { entries: entryCsv }, "text/csv"),
        },
      },
    },
    problems: ["too-many-streams"],
  },
  "POST /operators": {
    id: "createOperator",
    summary: "Add an operator",
    description: "`admin` is the operator of ADMIN_TOKEN. A change of an operator holds on all nodes within 6 s.",
    body: {
      content: content(newOperator.schema, {
        operator: { name: "alice", role: "operator" },
        expires: { name: "audit@example.com", role: "viewer", expiresAt: "2099-12-31T23:59:59Z" },
      }),
    },
    answers: {
      201: {
        description: "The operator with its token. No other answer shows the token.",
        headers: ["Location", "Cache-Control"],
        content: withToken,
      },
    },
    problems: [...bodyProblems, "conflict"],
  },
  "GET /operators": {
    id: "listOperators",
    summary: "List the operators by name",
    parameters: ["limit", "cursor"],
    answers: {
      200: {
        description: "A page. It does not have the operator of ADMIN_TOKEN.",
        content: content(pageSchema("Operator"), { page: { items: [alice], next: cursor } }),
      },
    },
  },
  "GET /operators/:name": { id: "getOperator", summary: "See an operator", answers: asOperator },
  "PATCH /operators/:name": {
    id: "changeOperator",
    summary: "Change an operator's role, or when its token ends",
    body: { content: content(operatorChange.schema, { role: { role: "viewer" }, forEver: { expiresAt: null } }) },
    answers: asOperator,
    problems: bodyProblems,
  },
  "POST /operators/:name/rotate": {
    id: "rotateOperator",
    summary: "Give an operator a new token",
    description: "The old token, and the sessions that began with it, end at once.",
    body: noBody,
    answers: { 200: { description: "With the new token.", headers: ["Cache-Control"], content: withToken } },
    problems: bodyProblems,
  },
  "DELETE /operators/:name": {
    id: "deleteOperator",
    summary: "Delete an operator",
    description: "Its token and its sessions end at once.",
    body: noBody,
    answers: { 204: { description: "It is deleted." } },
    problems: bodyProblems,
  },
} satisfies Record<string, Call>;
