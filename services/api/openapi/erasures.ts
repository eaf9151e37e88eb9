/** The calls of operators that erase data, by their routes below `/admin`. */

import { record, schemaRef } from "../../../lib/json-schema.ts";
import { noCounts } from "../../retention/retention.domain.ts";
import { pageSchema } from "../http/pages.ts";
import { erasureCountsSchema, newErasure } from "../routes/admin.erasures.ts";
import { cursor, ids } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody } from "./kit.ts";

const begun: Answer = {
  description: "It has begun. `GET /admin/erasures/{id}` tells how far it is.",
  headers: ["Location"],
  content: content(record({ id: { type: "string", format: "uuid" }, status: { type: "string" } }), {
    begun: { id: ids.erasure, status: "running" },
  }),
};
const counts = { ...noCounts(), batches: 2, records: 3, errors: 1, bodies: 1 };
const erasure = {
  id: ids.erasure,
  status: "done",
  client: ids.client,
  clientIdentifier: "a-shop",
  dataset: "default",
  fields: ["email"],
  waits: null,
  counts,
  createdAt: "2026-11-23T08:00:00.000Z",
  finishedAt: "2026-11-23T08:00:02.000Z",
};
const person = { dataset: "default", client: ids.client, where: { email: "a@b.example" } };

export const erasureCalls = {
  "DELETE /clients/:id": {
    id: "eraseClient",
    summary: "Erase a disabled client with all that it has",
    description:
      "Batches that have not ended are cancelled. Everything goes in pieces, but what lies in tables of your own, or at handlers. Then its identifier is free. Asked again, until then: the same erasure.",
    body: noBody,
    answers: { 202: begun },
    problems: [...bodyProblems, "illegal-state", "legal-hold"],
  },
  "GET /erasures": {
    id: "listErasures",
    summary: "List the erasures, newest first",
    parameters: ["limit", "cursor"],
    answers: {
      200: {
        description: "A page.",
        content: content(pageSchema("Erasure"), { page: { items: [erasure], next: cursor } }),
      },
    },
  },
  "POST /erasures": {
    id: "erasePerson",
    summary: "Erase what the batches of a dataset have of one person",
    description:
      "In delivered records the values are equal as JSON values; in refused ones and in bodies they stand in the text. Without `client` the batches of all clients are looked at. Batches that have not ended are waited for.",
    parameters: ["dryRun"],
    body: { content: content(newErasure.schema, { person }) },
    answers: {
      200: {
        description: "With `dryRun=true`: what would be erased.",
        content: content(record({ counts: erasureCountsSchema }), { dryRun: { counts } }),
      },
      202: begun,
    },
    problems: [...bodyProblems, "legal-hold"],
  },
  "GET /erasures/:id": {
    id: "getErasure",
    summary: "See how far an erasure is",
    answers: {
      200: { description: "The erasure.", content: content(schemaRef("Erasure"), { erasure }) },
    },
  },
} satisfies Record<string, Call>;
