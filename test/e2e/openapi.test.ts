/** The promise: every example of the OpenAPI document is answered as the document says, and so are refusals. */
import { gzipSync } from "node:zlib";
import { openApi } from "../../services/api/openapi/document.ts";
import { accepted, admin, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import {
  bodyFaults,
  differences,
  isJson,
  type Operation,
  operations,
  type Parameter,
  webhookDifferences,
} from "../helpers/openapi.ts";
import { until } from "../helpers/patience.ts";
import { type Received, startReceiver } from "../helpers/receiver.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

let system: System;
let url: string;

/** What an operation needs: who asks, and the id in its path. */
interface Scene {
  client: TestClient;
  id: string;
}
let usual: Scene;

const schema = { type: "object", properties: { quantity: { type: "integer", minimum: 1 } } };
const TWO_ORDERS = '{"order_id":"SO-1","quantity":5}\n{"order_id":"SO-2","quantity":0}\n';

async function withBatch(policy: object, status: string): Promise<Scene> {
  const client = await newClient(url, { schema, ...policy });
  const { id } = await accepted(url, client, TWO_ORDERS);
  await batchWhen(url, client, id, (batch) => batch.status === status);
  return { client, id };
}

const held = () => withBatch({ requiresApproval: true }, "held");
const failed = () => withBatch({ maxErrors: 0 }, "failed");
const freshClient = async (policy = {}): Promise<Scene> => {
  const client = await newClient(url, policy);
  return { client, id: client.id };
};
const subscribed = { webhook: { url: "http://127.0.0.1:1/hooks" } };

/** Enough for two pages. */
async function twoBatches(): Promise<Scene> {
  const scene = await withBatch(subscribed, "completed_with_errors");
  await batchWhen(url, scene.client, (await accepted(url, scene.client, TWO_ORDERS)).id);
  return scene;
}

async function delivery(): Promise<Scene> {
  const { client, id } = await withBatch(subscribed, "completed_with_errors");
  const { items } = (await (await admin(url, `/deliveries?batch=${id}`)).json()) as { items: { id: string }[] };
  return { client, id: items[0]?.id as string };
}

/** Those that are not asked of a batch that has ended. */
const scenes: Record<string, () => Promise<Scene>> = {
  createImport: freshClient,
  listImports: twoBatches,
  listDeliveries: twoBatches,
  cancelImport: held,
  retryImport: failed,
  getClient: freshClient,
  changeClient: freshClient,
  rotateSecret: freshClient,
  rotateWebhookSecret: () => freshClient(subscribed),
  getPolicy: freshClient,
  replacePolicy: freshClient,
  changePolicy: freshClient,
  approveBatch: held,
  rejectBatch: held,
  redriveBatch: failed,
  cancelBatch: held,
  replayDelivery: delivery,
};

beforeAll(async () => {
  system = await startSystem({
    env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", POLL_INTERVAL: "50ms", LOG_LEVEL: "fatal" },
  });
  url = system.url;
  usual = await withBatch({}, "completed_with_errors");
});
afterAll(() => system.stop());

const sceneOf = ({ operationId }: Operation) => scenes[operationId]?.() ?? usual;

const credentials = ({ tags: [group] }: Operation, { client }: Scene): Record<string, string> => {
  if (group === "clients") return { authorization: client.auth };
  return group === "operators" ? { authorization: `Bearer ${ADMIN_TOKEN}` } : {};
};

type Sent = { headers?: Record<string, string>; body?: unknown; path?: string; method?: string; query?: string };

function send({ method, path }: Operation, { id }: { id: string }, sent: Sent): Promise<Response> {
  const there = (sent.path ?? path).replace("{id}", id);
  const init = { method: sent.method ?? method, headers: sent.headers ?? {} };
  return fetch(`${url}${there}${sent.query ? `?${sent.query}` : ""}`, {
    ...init,
    ...(sent.body === undefined ? {} : { body: sent.body as string }),
  });
}

interface Case {
  name: string;
  operation: Operation;
  /** A body's media type, and its example. */
  body?: [type: string, example: unknown];
  parameter?: Parameter;
  accept?: string;
  path?: string;
}

function* casesOf(operation: Operation): Generator<Case> {
  const { method, path, bodies, parameters, isBodyOptional, responses } = operation;
  const name = `${method} ${path}`;
  const [first] = Object.entries(bodies).flatMap(([type, { examples }]) =>
    Object.values(examples).map(({ value }) => [type, value] as [string, unknown]),
  );
  for (const [type, { examples }] of Object.entries(bodies))
    for (const [example, { value }] of Object.entries(examples))
      yield { name: `${name}, ${type}: ${example}`, operation, body: [type, value] };
  const files = parameters.find((parameter) => parameter.in === "path" && parameter.schema.enum);
  for (const file of files?.schema.enum ?? [])
    yield { name: `${name}: ${file}`, operation, path: path.replace(/\{\w+\}/, file) };
  if (isBodyOptional && !files)
    for (const accept of Object.keys(responses[200]?.content ?? { "*/*": {} }))
      yield { name: `${name}, ${accept}`, operation, accept };
  for (const parameter of parameters.filter((one) => one.in !== "path"))
    yield {
      name: `${name}, ${parameter.in} ${parameter.name}`,
      operation,
      parameter,
      ...(first ? { body: first } : {}),
      ...(files ? { path: path.replace(/\{\w+\}/, String(files.example)) } : {}),
    };
}

/** No example of a cursor is good for this list: it is sealed. */
async function nextOf(operation: Operation, scene: Scene): Promise<string> {
  const first = await send(operation, scene, { query: "limit=1", headers: credentials(operation, scene) });
  return ((await first.json()) as { next: string }).next;
}

let made = 0;

/** As bytes are sent; a new client has a name of its own. */
function bytesOf([type, example]: [string, unknown], isPacked: boolean): unknown {
  const isNew = typeof example === "object" && example !== null && "clientIdentifier" in example;
  const value = isNew ? { ...example, clientIdentifier: `shop-${++made}` } : example;
  const text = isJson(type) ? JSON.stringify(value) : String(value);
  return isPacked ? gzipSync(text) : text;
}

const cases = operations.flatMap((operation) => [...casesOf(operation)]);

test.each(cases.map((one) => [one.name, one] as const))("%s", async (_, { operation, parameter, ...one }) => {
  const scene = await sceneOf(operation);
  const example = parameter?.name === "cursor" ? await nextOf(operation, scene) : String(parameter?.example);
  const response = await send(operation, scene, {
    ...one,
    body: one.body && bytesOf(one.body, parameter?.name === "Content-Encoding"),
    ...(parameter?.in === "query" ? { query: `${parameter.name}=${example}` } : {}),
    headers: {
      ...credentials(operation, scene),
      ...(one.body ? { "content-type": one.body[0] } : {}),
      ...(one.accept ? { accept: one.accept } : {}),
      ...(parameter?.in === "header" ? { [parameter.name]: example } : {}),
    },
  });
  expect({ isRefused: response.status >= 400, differences: await differences(operation, response) }).toEqual({
    isRefused: false,
    differences: [],
  });
});

test("the examples of answers in lines are what their lines are said to be", () => {
  const contents = operations.flatMap(({ responses }) => Object.values(responses).map(({ content = {} }) => content));
  for (const content of contents)
    for (const [type, { schema: described, examples }] of Object.entries(content))
      for (const { value } of Object.values(examples))
        if (typeof value === "string") expect(bodyFaults(type, described, value)).toEqual([]);
});

const NOWHERE = "0193b2f0-0000-7000-8000-000000000000";

/** What any operation refuses, as far as it applies to this one. */
function* refusalsOf(
  operation: Operation,
): Generator<[name: string, operation: Operation, status: number, sent: Sent]> {
  const name = `${operation.method} ${operation.path}`;
  const [group] = operation.tags;
  yield [`${name}, another method`, operation, 405, { method: "DELETE" }];
  if (group !== "operations") yield [`${name}, nobody's`, operation, 401, { headers: { authorization: "" } }];
  if (operation.responses[422]) yield [`${name}, an unknown query`, operation, 422, { query: "x=1" }];
  if (operation.path.includes("{id}")) {
    yield [`${name}, of nothing`, operation, 404, { path: operation.path.replace("{id}", NOWHERE), body: "{}" }];
  }
}

const refusals = operations.flatMap((operation) => [...refusalsOf(operation)]);

test.each(refusals)("refused: %s", async (_, operation, status, sent) => {
  const hasBody = Object.keys(operation.bodies).length > 0 && sent.body !== undefined;
  const headers = { ...credentials(operation, usual), ...(hasBody ? { "content-type": "application/json" } : {}) };
  const response = await send(operation, usual, {
    ...sent,
    body: hasBody ? sent.body : undefined,
    path: (sent.path ?? operation.path).replace("{file}", "swagger-ui.css"),
    headers: { ...headers, ...sent.headers },
  });
  const isSpent = operation.tags[0] === "clients" && status !== 401 && status !== 405;
  expect([response.status, toldLeft(response), await differences(operation, response)]).toEqual([status, isSpent, []]);
});

/** Whether it tells what is left of the client's requests. */
const toldLeft = ({ headers }: Response) => headers.has("ratelimit") && headers.has("ratelimit-policy");

type Refusal = [code: string, operationId: string, policy: object, headers: Record<string, string>, body: string];
const json = { "content-type": "application/json" };
const ndjson = { "content-type": "application/x-ndjson" };

/** One of every other code that a single request can meet. */
const special: Refusal[] = [
  ["malformed-body", "createImport", {}, json, "[{]"],
  ["malformed-body", "changeClient", {}, json, "{"],
  ["empty-body", "createImport", {}, ndjson, "\n"],
  ["invalid-header", "createImport", {}, { ...ndjson, prefer: "wait=x" }, "{}"],
  ["digest-mismatch", "createImport", {}, { ...ndjson, "content-digest": `sha-256=:${"A".repeat(43)}=:` }, "{}"],
  ["payload-too-large", "createImport", { maxBytes: 3 }, ndjson, '{"a":1}'],
  ["too-many-records", "createImport", { maxRecords: 1 }, ndjson, "{}\n{}\n"],
  ["unsupported-media-type", "createImport", {}, { "content-type": "text/plain" }, "{}"],
  ["unsupported-media-type", "replacePolicy", {}, { "content-type": "text/plain" }, "{}"],
  ["unsupported-encoding", "createImport", {}, { ...ndjson, "content-encoding": "br" }, "{}"],
  ["quota-exceeded", "createImport", { recordsPerDay: 1 }, ndjson, "{}\n{}\n"],
  ["validation", "changeClient", {}, json, '{"status":"gone"}'],
  ["precondition-failed", "replacePolicy", {}, { ...json, "if-match": '"99"' }, "{}"],
  ["not-found", "rotateWebhookSecret", {}, json, "{}"],
];

test.each(special)("refused: %s by %s", async (code, operationId, policy, headers, body) => {
  const operation = operations.find((one) => one.operationId === operationId) as Operation;
  const scene = await freshClient(policy);
  const response = await send(operation, scene, { body, headers: { ...credentials(operation, scene), ...headers } });
  expect(toldLeft(response)).toBe(operation.tags[0] === "clients");
  expect([await response.clone().json(), await differences(operation, response)]).toMatchObject([{ code }, []]);
});

test("the document says where an answer tells what is left of the requests", () => {
  for (const { tags, responses } of operations)
    for (const [status, { headers = {} }] of Object.entries(responses)) {
      const isNamed = "RateLimit" in headers && "RateLimit-Policy" in headers;
      expect([tags[0], status, isNamed]).toEqual([tags[0], status, tags[0] === "clients" && !/^40[13]$/.test(status)]);
    }
});

const byId = (operationId: string) => operations.find((one) => one.operationId === operationId) as Operation;

async function refused(operationId: string, scene: Scene, sent: Sent): Promise<unknown> {
  const operation = byId(operationId);
  const response = await send(operation, scene, {
    ...sent,
    headers: { ...credentials(operation, scene), ...sent.headers },
  });
  const { code } = (await response.clone().json()) as { code: string };
  return [code, ...(await differences(operation, response))];
}

test("refused: what came before, and what is in the wrong state", async () => {
  const scene = await freshClient({ dedup: "reject" });
  const key = { ...ndjson, "idempotency-key": "one" };
  await accepted(url, scene.client, "{}\n", "application/x-ndjson", key);
  expect(await refused("createImport", scene, { body: "{}\n", headers: ndjson })).toEqual(["duplicate-batch"]);
  expect(await refused("createImport", scene, { body: "[]\n", headers: key })).toEqual(["idempotency-key-reused"]);
  expect(await refused("approveBatch", usual, {})).toEqual(["illegal-state"]);
  const again = JSON.stringify({ clientIdentifier: scene.client.identifier, name: "Again" });
  expect(await refused("createClient", scene, { body: again, headers: json })).toEqual(["conflict"]);
  await admin(url, `/clients/${scene.client.id}`, { method: "PATCH", body: '{"status":"disabled"}' });
  expect(await refused("getOwnPolicy", scene, {})).toEqual(["client-disabled"]);
});

test("what webhooks receive is what the document says, of every event and end", async () => {
  const receiver = await startReceiver();
  const webhook = { url: receiver.url, events: Object.keys(openApi().webhooks) };
  await withBatch({ webhook }, "completed_with_errors");
  await withBatch({ webhook, maxErrors: 0 }, "failed");
  const { id } = await withBatch({ webhook, requiresApproval: true }, "held");
  await admin(url, `/batches/${id}/reject`, { method: "POST", body: "{}" });
  await until(() => receiver.got.length === 8, "three events of two batches, two of the third");
  await receiver.close();
  expect(receiver.got.map(webhookDifferences)).toEqual(Array(8).fill([]));
  expect(new Set(receiver.got.map(({ event }) => event.type))).toEqual(new Set(webhook.events));
  const [one] = receiver.got as [Received];
  const headers = Object.assign({}, one.headers, { "webhook-id": "1" });
  const wrong = { ...one, headers, body: one.body.replace('"data"', '"date"') };
  expect(webhookDifferences(wrong)).toHaveLength(3);
});

test("the document is served to everybody, with a tag, and on HEAD", async () => {
  const response = await fetch(`${url}/openapi.json`);
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApi())));
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-cache",
    vary: "Accept-Encoding",
    "content-encoding": "gzip",
  });
  const tag = response.headers.get("etag") as string;
  const same = await fetch(`${url}/openapi.json`, { headers: { "if-none-match": tag } });
  expect([same.status, await same.text(), same.headers.get("etag")]).toEqual([304, "", tag]);
  const head = await fetch(`${url}/openapi.json`, { method: "HEAD", headers: { "accept-encoding": "identity" } });
  expect([head.status, await head.text(), head.headers.get("etag")]).toEqual([200, "", tag.replace("-gzip", "")]);
  expect(Number(head.headers.get("content-length"))).toBe(Buffer.byteLength(JSON.stringify(openApi())));
});
