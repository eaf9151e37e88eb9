/** The calls of admins about operators, by their routes below /admin. */
import { schemaRef } from "../../../lib/json-schema.ts";
import { pageSchema } from "../http/pages.ts";
import { newOperator, newOperatorSchema, operatorChange } from "../routes/admin.operators.ts";
import { cursor } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody } from "./kit.ts";

const alice = { name: "alice", role: "operator", expiresAt: null, createdAt: "2026-11-23T08:00:00.000Z" };
const token = "dfo_k3v9q0x1m2ab_PqB4Zt0uXn8vJ2kR6sW1yLc5dF7gH9aE3mT0iUoQxZs";
const asOperator: Record<number, Answer> = {
  200: { description: "The operator.", content: content(schemaRef("Operator"), { alice }) },
};
const withToken = content(newOperatorSchema, { alice: { ...alice, token } });

export const operatorsCalls = {
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
        headers: ["Location"],
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
    answers: { 200: { description: "With the new token.", content: withToken } },
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
