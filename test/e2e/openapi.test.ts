/** The promise: every example of the OpenAPI document is answered as the document says, and so are refusals. */
import { gzipSync } from "node:zlib";
import { openApi } from "../../services/api/openapi/document.ts";
import { admin } from "../helpers/http.ts";
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
import { ADMIN_TOKEN } from "../helpers/system.ts";
import {
  checkedBatch,
  credentials,
  freshClient,
  type Scene,
  send,
  startOpenApi,
  url,
  withBatch,
} from "./openapi.kit.ts";
import { refusalsAreDescribed } from "./openapi.refusals.suite.ts";
import { sceneOf } from "./openapi.scenes.ts";

startOpenApi();

interface Case {
  name: string;
  operation: Operation;
  /** A body's media type, and its example. */
  body?: [type: string, example: unknown];
  parameter?: Parameter;
  accept?: string;
  path?: string;
}

/** `datasets-try.test.ts` sends these with another body than the example. */
const apart = ["tryDataset batch", "tryDataset only"];

function* casesOf(operation: Operation): Generator<Case> {
  const { method, path, operationId, bodies, parameters, isBodyOptional, responses } = operation;
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
  for (const parameter of parameters.filter(
    (one) => one.in !== "path" && !apart.includes(`${operationId} ${one.name}`),
  ))
    yield {
      name: `${name}, ${parameter.in} ${parameter.name}`,
      operation,
      parameter,
      ...(first ? { body: first } : {}),
      ...(files ? { path: path.replace(/\{\w+\}/, String(files.example)) } : {}),
    };
}

/** A cursor that the list has answered. An example cannot contain one, because cursors are encrypted. */
async function nextOf(operation: Operation, scene: Scene): Promise<string> {
  const first = await send(operation, scene, { query: "limit=1", headers: credentials(operation, scene) });
  return ((await first.json()) as { next: string }).next;
}

/** A batch of the same client and dataset that has ended. */
async function endedOf(operation: Operation, scene: Scene): Promise<string> {
  const headers = { ...credentials(operation, scene), "content-type": "application/x-ndjson", prefer: "wait=20" };
  const first = await send(operation, scene, { body: '{"first":1}', headers });
  return ((await first.json()) as { id: string }).id;
}

/** Examples that need values which the scene has to create first. */
const found: Record<string, typeof nextOf> = {
  cursor: nextOf,
  corrects: endedOf,
  client: async (_, { client }) => client.id,
  Origin: async () => url,
};

let made = 0;

const FORM = "multipart/form-data";

const END = "--example--\r\n";

/** A form as text. Its example is an object with the parts by name. */
const formOf = (parts: Record<string, string>): string =>
  Object.entries(parts)
    .map(
      ([name, content]) =>
        `--example\r\nContent-Disposition: form-data; name="${name}"; filename="a.csv"\r\n\r\n${content}\r\n`,
    )
    .join("") + END;

/** Replaces names and secrets that an example cannot know. */
function ownOf(example: object, { client }: Scene): object {
  if ("where" in example || "since" in example) return { client: client.id };
  if ("client" in example) return { client: client.id };
  if ("token" in example) return { token: ADMIN_TOKEN };
  if ("secret" in example) return { clientIdentifier: client.identifier, secret: client.secret };
  if ("clientIdentifier" in example) return { clientIdentifier: `shop-${++made}` };
  return "role" in example && "name" in example ? { name: `operator-${++made}` } : {};
}

/** The bytes of a body. Each new client gets a name of its own. */
function bytesOf([type, example]: [string, unknown], isPacked: boolean, scene: Scene): unknown {
  const isObject = typeof example === "object" && example !== null && !Array.isArray(example);
  const value = isObject ? { ...example, ...ownOf(example, scene) } : example;
  const isForm = type === FORM;
  const text = isForm ? formOf(value as Record<string, string>) : isJson(type) ? JSON.stringify(value) : String(value);
  return isPacked ? gzipSync(text) : text;
}

const cases = operations.flatMap((operation) => [...casesOf(operation)]);

test.each(cases.map((one) => [one.name, one] as const))("%s", async (_, { operation, parameter, ...one }) => {
  const scene = await sceneOf(operation);
  const find = found[parameter?.name ?? ""];
  const example = find ? await find(operation, scene) : String(parameter?.example);
  const response = await send(operation, scene, {
    ...one,
    body: one.body && bytesOf(one.body, parameter?.name === "Content-Encoding", scene),
    ...(parameter?.in === "query" ? { query: `${parameter.name}=${example}` } : {}),
    headers: {
      ...credentials(operation, scene),
      ...(one.body ? { "content-type": one.body[0] === FORM ? `${FORM}; boundary=example` : one.body[0] } : {}),
      ...(one.accept ? { accept: one.accept } : {}),
      ...(parameter?.in === "header" ? { [parameter.name.toLowerCase()]: example } : {}),
    },
  });
  expect({ isRefused: response.status >= 400, differences: await differences(operation, response) }).toEqual({
    isRefused: false,
    differences: [],
  });
});

test("examples of NDJSON answers match the schema of their lines", () => {
  const contents = operations.flatMap(({ responses }) => Object.values(responses).map(({ content = {} }) => content));
  for (const content of contents)
    for (const [type, { schema: described, examples }] of Object.entries(content))
      for (const { value } of Object.values(examples))
        if (typeof value === "string") expect(bodyFaults(type, described, value)).toEqual([]);
});

test("webhooks receive what the document says, for every event and every end", async () => {
  const receiver = await startReceiver();
  const { "webhook.test": _, ...told } = openApi().webhooks;
  const webhook = { url: receiver.url, events: Object.keys(told) };
  const { id: tried } = await freshClient({ webhook });
  await admin(url, `/clients/${tried}/webhook/test`, { method: "POST" });
  const { id: undone } = await withBatch({ webhook }, "completed_with_errors");
  await withBatch({ webhook, maxErrors: 0 }, "failed");
  const { id } = await withBatch({ webhook, requiresApproval: true }, "held");
  await admin(url, `/batches/${id}/reject`, { method: "POST", body: "{}" });
  await admin(url, `/batches/${undone}/undo`, { method: "POST", body: '{"reason":"Wrong."}' });
  await checkedBatch({ webhook });
  await withBatch({ webhook, requiresApproval: "afterValidation" }, "held");
  await until(
    () => receiver.got.length === 16,
    "a test, three events of four batches, two of the one that is rejected, one of an undo",
  );
  await receiver.close();
  expect(receiver.got.map(webhookDifferences)).toEqual(Array(16).fill([]));
  expect(new Set(receiver.got.map(({ event }) => event.type))).toEqual(new Set(["webhook.test", ...webhook.events]));
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

refusalsAreDescribed();
