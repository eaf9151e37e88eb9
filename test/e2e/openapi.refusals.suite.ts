/** The promise: refusals are as the document says, both the usual ones of each call and those of calls in the wrong state. */
import { accepted, admin } from "../helpers/http.ts";
import { differences, type Operation, operations } from "../helpers/openapi.ts";
import { credentials, freshClient, type Scene, type Sent, send, url, usual } from "./openapi.kit.ts";

const NOWHERE = "0193b2f0-0000-7000-8000-000000000000";

/** A method that the path does not have. Undefined if the path has all methods. */
const anotherMethod = ({ path }: Operation): string | undefined =>
  ["DELETE", "PUT", "POST"].find(
    (method) =>
      !operations.some((one) => one.method === method && [path, path.replace(/[^/]+$/, "{name}")].includes(one.path)),
  );

/** Bodies of operations that need more than an empty object. */
const needed: Record<string, string> = { undoBatch: '{"reason":"Wrong."}', createKey: '{"name":"nightly"}' };

/** The refusals that every operation has, as far as they apply to this one. */
function* refusalsOf(
  operation: Operation,
): Generator<[name: string, operation: Operation, status: number, sent: Sent]> {
  const name = `${operation.method} ${operation.path}`;
  const [group] = operation.tags;
  const method = anotherMethod(operation);
  if (method !== undefined) yield [`${name}, another method`, operation, 405, { method }];
  if (group !== "operations" && group !== "sessions")
    yield [`${name}, nobody's`, operation, 401, { headers: { authorization: "" } }];
  if (operation.responses[422]) yield [`${name}, an unknown query`, operation, 422, { query: "x=1" }];
  if (operation.path.includes("{id}")) {
    const body = needed[operation.operationId] ?? "{}";
    yield [`${name}, of nothing`, operation, 404, { path: operation.path.replace("{id}", NOWHERE), body }];
  }
}

const refusals = operations.flatMap((operation) => [...refusalsOf(operation)]);

/** Whether the answer says how much is left of the client's rate. */
const toldLeft = ({ headers }: Response) => headers.has("ratelimit") && headers.has("ratelimit-policy");

type Refusal = [code: string, operationId: string, policy: object, headers: Record<string, string>, body: string];

const json = { "content-type": "application/json" };

const ndjson = { "content-type": "application/x-ndjson" };

/** One refusal for each other code that a single request can get. */
const special: Refusal[] = [
  ["malformed-body", "createImport", {}, json, "[{]"],
  ["malformed-body", "changeClient", {}, json, "{"],
  ["wrong-columns", "createImport", { schema: { required: ["amount"] } }, { "content-type": "text/csv" }, "Ammount\n1"],
  ["empty-body", "createImport", {}, ndjson, "\n"],
  ["invalid-header", "createImport", {}, { ...ndjson, prefer: "wait=x" }, "{}"],
  ["digest-mismatch", "createImport", {}, { ...ndjson, "content-digest": `sha-256=:${"A".repeat(43)}=:` }, "{}"],
  ["payload-too-large", "createImport", { maxBytes: 3 }, ndjson, '{"a":1}'],
  ["too-many-records", "createImport", { maxRecords: 1 }, ndjson, "{}\n{}\n"],
  ["unsupported-media-type", "createImport", {}, { "content-type": "text/plain" }, "{}"],
  ["unsupported-media-type", "replacePolicy", {}, { "content-type": "text/plain" }, "{}"],
  ["unsupported-encoding", "createImport", {}, { ...ndjson, "content-encoding": "compress" }, "{}"],
  ["quota-exceeded", "createImport", { recordsPerDay: 1 }, ndjson, "{}\n{}\n"],
  ["validation", "changeClient", {}, json, '{"status":"gone"}'],
  ["precondition-failed", "replacePolicy", {}, { ...json, "if-match": '"99"' }, "{}"],
  ["not-found", "rotateWebhookSecret", {}, json, "{}"],
  ["no-webhook", "testWebhook", {}, json, "{}"],
];

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

export function refusalsAreDescribed(): void {
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
    expect([response.status, toldLeft(response), await differences(operation, response)]).toEqual([
      status,
      isSpent,
      [],
    ]);
  });

  test.each(special)("refused: %s by %s", async (code, operationId, policy, headers, body) => {
    const operation = operations.find((one) => one.operationId === operationId) as Operation;
    const scene = await freshClient(policy);
    const response = await send(operation, scene, { body, headers: { ...credentials(operation, scene), ...headers } });
    expect(toldLeft(response)).toBe(operation.tags[0] === "clients");
    expect([await response.clone().json(), await differences(operation, response)]).toMatchObject([{ code }, []]);
  });

  test("the document says which answers have rate limit headers", () => {
    for (const { tags, responses } of operations)
      for (const [status, { headers = {} }] of Object.entries(responses)) {
        const isNamed = "RateLimit" in headers && "RateLimit-Policy" in headers;
        expect([tags[0], status, isNamed]).toEqual([
          tags[0],
          status,
          tags[0] === "clients" && !/^40[13]$/.test(status),
        ]);
      }
  });

  test("refused: duplicate content, and calls in the wrong state", async () => {
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
}
