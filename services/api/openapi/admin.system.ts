/** The calls of operators about nodes, caches, handlers and tables, by their routes below `/admin`. */
import { type JsonSchema, listOf, record } from "../../../lib/json-schema.ts";
import { defaultPolicy } from "../../policy/policy.schema.ts";
import { pageSchema } from "../http/pages.ts";
import { alertTestSchema } from "../routes/admin.alerts.ts";
import { checkedPolicySchema, policyDraft } from "../routes/admin.policies.ts";
import { flushedSchema, handlerSchema, systemSchema, workerSchema } from "../routes/admin.system.ts";
import { ids } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody } from "./kit.ts";

const answer = (description: string, schema: JsonSchema, example: unknown): Record<number, Answer> => ({
  200: { description, content: content(schema, { example }) },
});
const allOf = (schema: JsonSchema): JsonSchema => record({ items: listOf(schema), next: { type: "null" } });
const worker = { node: "worker-1", paused: true, slots: 4, running: [ids.batch] };

export const systemCalls = {
  "POST /nodes/:node/pause": {
    id: "pauseNode",
    summary: "Let a worker claim nothing",
    description:
      "It finishes what it runs, and other nodes go on. A restart ends the pause. 404: no node of this name has a worker.",
    body: noBody,
    answers: answer("The worker.", workerSchema, worker),
    problems: bodyProblems,
  },
  "POST /nodes/:node/resume": {
    id: "resumeNode",
    summary: "Let a paused worker claim again",
    body: noBody,
    answers: answer("The worker.", workerSchema, { ...worker, paused: false }),
    problems: bodyProblems,
  },
  "POST /caches/flush": {
    id: "flushCaches",
    summary: "Empty the caches of all nodes, and those in Redis",
    description: "Clients, policies and operators are then read from the database again.",
    body: noBody,
    answers: answer("All nodes were told.", flushedSchema, { redis: "emptied", keys: 31 }),
    problems: bodyProblems,
  },
  "POST /alerts/test": {
    id: "testAlert",
    summary: "Try the chat that is told of alerts",
    description:
      "Sends a line that tells of no batch to ALERT_WEBHOOK, once, beside the lines of alerts. Ten times a minute at most. 409 `alerts-off`: the node has no ALERT_WEBHOOK.",
    body: noBody,
    answers: {
      200: {
        description: "What the chat said.",
        content: content(alertTestSchema, {
          received: { host: "hooks.slack.com", at: "2026-11-23T08:00:00.100Z", status: 200, error: null, ms: 120 },
          refused: {
            host: "chat.internal",
            at: "2026-11-23T08:00:00.100Z",
            status: null,
            error: "refused: 10.0.0.7 is not a global address (private), and WEBHOOK_ALLOWED_HOSTS does not list it",
            ms: 3,
          },
        }),
      },
    },
    problems: [...bodyProblems, "alerts-off", "quota-exceeded"],
  },
  "GET /handlers": {
    id: "listHandlers",
    summary: "List the handlers that policies and datasets may name",
    description: "Beside `store` and `table`, which are built in.",
    answers: answer("All of them, by name.", allOf(handlerSchema), {
      items: [{ name: "orders.import", nodes: ["worker-1"] }],
      next: null,
    }),
  },
  "GET /tables": {
    id: "listTables",
    summary: "List the tables that a dataset may choose, by name",
    description:
      "Those that TABLES_ALLOWED names and that are there, of one database, without DataFlow's own. Views are no tables. Of a database with more than 10,000 tables only the first 10,000 are looked at. 503 while the database is away.",
    parameters: ["tableDatabase", "limit", "cursor"],
    answers: {
      200: {
        description: "A page.",
        content: content(pageSchema("ChoosableTable"), {
          page: {
            items: [
              {
                name: "public.orders",
                columns: [
                  { name: "order_no", type: "character varying(20)", isNullable: false, isKey: true },
                  { name: "qty", type: "integer", isNullable: true, isKey: false },
                ],
              },
            ],
            next: null,
          },
        }),
      },
    },
  },
  "POST /policy/check": {
    id: "checkPolicy",
    summary: "See what a policy would come to",
    description:
      "A whole `policy`, or a `patch` of that of a client. Its faults are those of `PUT` and `PATCH /admin/clients/{id}/policy`, below `/policy` and `/patch`. Nothing is written.",
    body: {
      content: content(policyDraft.schema, {
        policy: { policy: { maxErrors: 100 } },
        ofClient: { policy: { weight: 5 }, client: ids.client },
        patch: { patch: { weight: 5 }, client: ids.client },
      }),
    },
    answers: answer("Nothing is wrong with it.", checkedPolicySchema, {
      policy: { ...defaultPolicy, weight: 5 },
      changed: ["weight"],
    }),
    problems: bodyProblems,
  },
  "GET /system": {
    id: "getSystem",
    summary: "See the versions, the settings in force, and the database",
    answers: answer("Without secrets.", systemSchema, {
      node: "api-1",
      version: "0.2.0",
      runtime: "v24.21.0",
      nodes: [
        { node: "api-1", version: "0.2.0", runtime: "v24.21.0", differs: [] },
        { node: "worker-1", unreachable: true },
      ],
      settings: [
        {
          name: "PORT",
          value: "3000",
          source: "default",
          meaning: "The port of the API. With 0 the system picks a free port.",
        },
        { name: "ADMIN_TOKEN", value: "set", source: "environment", meaning: "The bearer token of the operators." },
      ],
      database: { kind: "postgres", migrations: { applied: ["0001-schema"], pending: [] } },
    }),
  },
} satisfies Record<string, Call>;
