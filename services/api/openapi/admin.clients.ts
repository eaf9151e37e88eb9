/** The calls of operators about pauses of clients and the use of limits, by their routes below `/admin`. */
import { schemaRef } from "../../../lib/json-schema.ts";
import { pause } from "../routes/admin.clients.ts";
import { client, usage } from "./examples.ts";
import { type Answer, type Body, bodyProblems, type Call, content } from "./kit.ts";

const asClient = (example: object): Record<number, Answer> => ({
  200: { description: "The client.", content: content(schemaRef("Client"), { client: example }) },
});
const withReason: Body = {
  isOptional: true,
  content: content(pause.schema, { plain: {}, reason: { reason: "Their files of today are those of last year." } }),
};

export const adminClientCalls = {
  "POST /clients/:id/pause": {
    id: "pauseClient",
    summary: "Let the batches of a client wait",
    description:
      "Uploads are still taken, but none of the client's batches is begun, on any node, until it is resumed. A batch that runs is handed back at the end of a chunk, after BATCH_SLICE at the latest, and goes on from there. A pause outlives restarts. Asked again: 200, and it is paused since then.",
    body: withReason,
    answers: asClient({ ...client, paused: true, pausedAt: "2026-11-23T08:00:00.000Z", pausedBy: "alice" }),
    problems: bodyProblems,
  },
  "POST /clients/:id/resume": {
    id: "resumeClient",
    summary: "Let the batches of a paused client go on",
    description: "They start at once. A client that is not paused stays as it is.",
    body: withReason,
    answers: asClient(client),
    problems: bodyProblems,
  },
  "GET /clients/:id/usage": {
    id: "getUsage",
    summary: "See what a client uses of its limits now",
    description: "Asking spends none of its requests.",
    answers: { 200: { description: "The use of now.", content: content(schemaRef("Usage"), { usage }) } },
  },
} satisfies Record<string, Call>;
