/**
 * The calls about figures, and the event streams of pages. The calls of operators stand by their routes below `/admin`.
 */
import { type JsonSchema, schemaRef } from "../../../lib/json-schema.ts";
import { attentionSchema } from "../routes/admin.attention.ts";
import { watchedBatchSchema } from "../routes/events.ts";
import { endedBatch } from "./examples.batches.ts";
import { ids } from "./examples.ts";
import { type Answer, type Call, content, textOf } from "./kit.ts";

const day = {
  step: "1d",
  from: "2026-11-22T00:00:00.000Z",
  series: { accepted: [901_244, 412_010], rejected: [310, 12], duplicate: [0, 4] },
  partial: true,
};

const notice = { at: "2026-11-23T08:00:00.000Z", kind: "dependency", name: "redis", state: "down" };

const streamed = (description: string, example: string, item?: JsonSchema): Record<number, Answer> => ({
  200: {
    description,
    headers: ["Cache-Control"],
    content: content(textOf("text/event-stream", "Server-sent events.", item), { event: example }, "text/event-stream"),
  },
});

const HOW =
  "One stream for all that a page shows. A batch is told once a second at most; of what is not read in time only the latest state is sent. " +
  "It begins with the figures and the named batches as they are now. Whoever comes again with `Last-Event-ID` and follows all batches or deliveries gets a `notice` of the kind `missed`: read the lists again. A comment comes each 15 s. " +
  "The stream ends when the node stops and when the login is over. ";

export const feedCalls = {
  "GET /events": {
    id: "watchAll",
    summary: "Follow your batches and deliveries",
    description: `${HOW}Events are named \`batch\`, \`delivery\` and \`notice\` (\`missed\` alone).`,
    parameters: ["ownTopics", "lastEvent"],
    answers: streamed(
      "`batch` as `GET /imports/{id}` shows it, `delivery` as `GET /deliveries` does.",
      `event: batch\nid: 1\ndata: ${JSON.stringify(endedBatch)}\n\n`,
    ),
    problems: ["not-found", "too-many-streams"],
  },
} satisfies Record<string, Call>;

export const figureCalls = {
  "GET /events": {
    id: "watchSystem",
    summary: "Follow the system, all batches and deliveries",
    description: `${HOW}Events are named \`stats\` (once a second), \`batch\`, \`delivery\` (of the newest 50) and, with \`stats\`, \`notice\`: a dependency or a node comes or goes.`,
    parameters: ["topics", "lastEvent"],
    answers: streamed(
      "`stats` as `GET /admin/stats`, `batch` as `GET /admin/batches/{id}/events`, `delivery` as `GET /admin/deliveries` shows it, `notice` as Notice.",
      `event: notice\nid: 1\ndata: ${JSON.stringify(notice)}\n\n`,
      { anyOf: [schemaRef("Stats"), watchedBatchSchema, schemaRef("Delivery"), schemaRef("Notice")] },
    ),
    problems: ["not-found", "too-many-streams"],
  },
  "GET /stats/attention": {
    id: "getAttention",
    summary: "See which clients need somebody now",
    description:
      "Clients that are at a limit, and those whose webhook is off since its receiver answered 410, for a week. Up to 50 of each kind, as at most 5 seconds ago. Requests are not among them: `GET /admin/clients/{id}/usage` tells those of one client.",
    answers: {
      200: {
        description: "The clients.",
        content: content(attentionSchema, {
          needs: {
            clients: [
              {
                kind: "maxConcurrentBatches",
                client: { id: ids.client, clientIdentifier: "a-shop", name: "A shop" },
                used: 2,
                limit: 2,
                since: "2026-11-23T08:00:00.000Z",
              },
            ],
          },
        }),
      },
    },
  },
  "GET /stats/history": {
    id: "getStatsHistory",
    summary: "See what was counted over time, for charts",
    description:
      "Sums of all nodes by steps that begin at multiples of their length since 1970 (UTC). At most 1,500 points. Steps of `10s` are of the last ten minutes and " +
      "of the nodes that run now. `1m` reaches 48 hours back, `1h` and `1d` 90 days. With `client` from `1m` on, for the 200 clients with most records and requests " +
      "of each minute, once the minute is over. A node that is killed loses what it has counted in its last ten seconds.",
    parameters: ["historyFrom", "historyTo", "step", "series", "historyClient"],
    answers: {
      200: { description: "The series.", content: content(schemaRef("StatsHistory"), { day }) },
    },
  },
} satisfies Record<string, Call>;
