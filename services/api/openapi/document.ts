/**
 * `GET /openapi.json`: the API in OpenAPI 3.1. The document is built from the descriptions of the routes, the table of
 * errors, and the schemas that check requests. A test fails if a route is missing, or if the answer to an example
 * differs from its description.
 */
import type { JsonSchema } from "../../../lib/json-schema.ts";
import { version } from "../../../lib/version.ts";
import { readinessSchema, statsSchema } from "../../monitor/monitor.contract.ts";
import {
  datasetInput,
  datasetOutput,
  datasetPatch,
  ownDatasetOutput,
  policyInput,
  policyOutput,
  policyPatch,
} from "../../policy/policy.schema.ts";
import type { Exchange } from "../http/exchange.ts";
import { auditSchema } from "../routes/admin.audit.ts";
import { batchCountsSchema, operatorBatchSchema } from "../routes/admin.batches.ts";
import { newClientSchema } from "../routes/admin.clients.ts";
import { grantSchema, listedDatasetSchema } from "../routes/admin.datasets.ts";
import { erasureSchema } from "../routes/admin.erasures.ts";
import { historySchema } from "../routes/admin.history.ts";
import { keySchema } from "../routes/admin.keys.ts";
import { operatorSchema } from "../routes/admin.operators.ts";
import { tableSchema } from "../routes/admin.tables.ts";
import { versionSchema } from "../routes/admin.versions.ts";
import { batchHistorySchema } from "../routes/batch-history.ts";
import { ownDatasetsSchema } from "../routes/datasets.ts";
import {
  deliverySchema,
  ownDeliverySchema,
  ownWholeDeliverySchema,
  wholeDeliverySchema,
} from "../routes/deliveries.ts";
import { errorSummarySchema } from "../routes/error-summary.ts";
import { rejectedSchema, storedSchema, truncatedSchema } from "../routes/export.ts";
import { noticeSchema } from "../routes/feed.ts";
import { rulesSchema } from "../routes/rules.ts";
import { type Sendable, send, sendable } from "../routes/sendable.ts";
import { usageSchema } from "../routes/usage.ts";
import { batchSchema, clientSchema, listedClientSchema } from "../routes/views.ts";
import { checkSchema, previewSchema, trySchema } from "./checks.ts";
import { groups } from "./groups.ts";
import { headerComponents, headerRefs } from "./headers.ts";
import type { Answer, Call, Content } from "./kit.ts";
import { parameters, pathParameters } from "./parameters.ts";
import { ProblemResponses, problemSchemas } from "./problems.ts";
import { eventSchemas, webhookGroup, webhooks } from "./webhooks.ts";

const DESCRIPTION = `Bulk imports: partners POST CSV, NDJSON or JSON, and every record is checked against their policy and
stored exactly once, or handed to a handler.

Times are ISO 8601 UTC, ids UUIDs, unknown fields of a request an error. Every refusal is \`application/problem+json\` with a
stable \`code\`. Every GET is answered on HEAD too. Answers may gain members. Long lists are packed for whoever sends \`Accept-Encoding: gzip\`.`;

const schemas: Record<string, JsonSchema> = {
  Batch: batchSchema,
  OperatorBatch: operatorBatchSchema,
  BatchCounts: batchCountsSchema,
  BatchHistory: batchHistorySchema,
  RejectedRecord: rejectedSchema,
  ErrorSummary: errorSummarySchema,
  Rules: rulesSchema,
  TruncatedReport: truncatedSchema,
  StoredRecord: storedSchema,
  Preview: previewSchema,
  Check: checkSchema,
  Try: trySchema,
  Client: clientSchema,
  ListedClient: listedClientSchema,
  Usage: usageSchema,
  NewClient: newClientSchema,
  Policy: policyOutput,
  PolicyInput: policyInput,
  PolicyPatch: policyPatch,
  Dataset: datasetOutput,
  DatasetInput: datasetInput,
  DatasetPatch: datasetPatch,
  ListedDataset: listedDatasetSchema,
  ChoosableTable: tableSchema,
  DocumentVersion: versionSchema,
  Grant: grantSchema,
  OwnDataset: ownDatasetOutput,
  OwnDatasets: ownDatasetsSchema,
  Operator: operatorSchema,
  ClientKey: keySchema,
  AuditEntry: auditSchema,
  Delivery: deliverySchema,
  WholeDelivery: wholeDeliverySchema,
  OwnDelivery: ownDeliverySchema,
  OwnWholeDelivery: ownWholeDeliverySchema,
  Erasure: erasureSchema,
  Stats: statsSchema,
  StatsHistory: historySchema,
  Notice: noticeSchema,
  Readiness: readinessSchema,
  ...eventSchemas,
  ...problemSchemas,
};

const mapped = <V, R>(object: Record<string, V>, change: (value: V) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

const media = (content: Record<string, Content>) =>
  mapped(content, ({ schema, examples }) => ({ schema, examples: mapped(examples, (value) => ({ value })) }));

type Group = (typeof groups)[number];

/** The header `Vary`, which an answer of JSON may have. A long answer depends on `Accept-Encoding`. */
const varying = ({ headers = [], content }: Answer): string[] =>
  content && "application/json" in content && !headers.includes("ETag") && !headers.includes("Vary") ? ["Vary?"] : [];

const responseOf = (answer: Answer, group: Group) => ({
  description: answer.description,
  headers: headerRefs(["X-Request-Id", ...group.spent, ...(answer.headers ?? []), ...varying(answer)]),
  ...(answer.content ? { content: media(answer.content) } : {}),
});

function operationOf(group: Group, path: string, call: Call, problems: ProblemResponses) {
  const hasId = path.includes("{");
  return {
    operationId: call.id,
    tags: [group.name],
    summary: call.summary,
    ...(call.description ? { description: call.description } : {}),
    security: group.scheme ? [{ [group.name]: [] }] : [],
    parameters: [
      ...pathParameters(path),
      ...[...(call.parameters ?? []), "X-Request-Id"].map((name) => ({ $ref: `#/components/parameters/${name}` })),
    ],
    ...(call.body ? { requestBody: { required: !call.body.isOptional, content: media(call.body.content) } } : {}),
    responses: {
      ...mapped(call.answers as Record<string, Answer>, (answer) => responseOf(answer, group)),
      ...problems.of(
        [...group.problems, ...(call.problems ?? []), ...(hasId ? (["not-found"] as const) : [])],
        group.spent,
      ),
    },
  };
}

function pathsOf(problems: ProblemResponses): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const group of groups)
    for (const [route, call] of Object.entries(group.calls)) {
      const [method = "", rest = ""] = route.split(" ");
      const path = `${group.path}${rest}`.replaceAll(/:(\w+)/g, "{$1}");
      paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(group, path, call, problems) };
    }
  return paths;
}

/** Builds the whole OpenAPI document. */
export function openApi() {
  const problems = new ProblemResponses();
  const paths = pathsOf(problems);
  const responses = problems.components;
  const text = JSON.stringify({ paths, responses });
  return {
    openapi: "3.1.1",
    info: { title: "DataFlow", version, description: DESCRIPTION, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/" }],
    tags: [...groups, webhookGroup].map(({ name, description }) => ({ name, description })),
    paths,
    webhooks,
    components: {
      schemas,
      parameters,
      headers: headerComponents((name) => text.includes(`"#/components/headers/${name}"`)),
      responses,
      securitySchemes: Object.fromEntries(groups.flatMap(({ name, scheme }) => (scheme ? [[name, scheme]] : []))),
    },
  };
}

let made: Promise<Sendable> | undefined;

/** Answers the OpenAPI document. The document is built for the first request, and kept. */
export async function getOpenApi(exchange: Exchange): Promise<undefined> {
  made ??= sendable("application/json; charset=utf-8", Buffer.from(JSON.stringify(openApi())));
  await send(exchange, await made, { "Cache-Control": "no-cache" });
}
