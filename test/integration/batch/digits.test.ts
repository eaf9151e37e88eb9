/**
 * The promise: a number has the same digits in the store, in its unique key, at a local or remote handler, and in a repetition.
 */
import type { ServiceBroker } from "moleculer";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { describeWithRabbit, newNamespace, rabbitUrl, removeNamespace } from "../../helpers/amqp.ts";
import { accepted, admin, get, newClient, type TestClient } from "../../helpers/http.ts";
import { startNode } from "../../helpers/nodes.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, type Told } from "./kit.ts";

const schema = { properties: { id: { type: "integer" }, amount: { type: "number" } }, required: ["id"] };

const numbers = [
  ["9007199254740993", "12345678901234567.89"],
  ["9007199254740993.0", "900719925474099.17"],
  ["1e400", "1e-400"],
  ["9007199254740992", "0.1"],
];
const records = numbers.map(([id, amount]) => `{"id":${id},"amount":${amount}}`);
const bodies = {
  "application/x-ndjson": records.join("\n"),
  "application/json": `[${records.join(", ")}]`,
  "text/csv": ["id,amount", ...numbers.map((row) => row.join(","))].join("\n"),
};
type MediaType = keyof typeof bodies;
const types = Object.keys(bodies) as MediaType[];

/** The records as a handler gets them. */
const delivered = numbers.map(([id, amount]) => ({
  id: id === "9007199254740992" ? 9007199254740992 : id,
  amount: amount === "0.1" ? 0.1 : amount,
}));
const dataOf = ({ records }: HandlerCall) => records.map(({ data }) => data);

async function stored(url: string, client: TestClient, id: string): Promise<string[]> {
  const text = await (await get(url, client, `/imports/${id}/records`)).text();
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.replace(/^\{"record":\d+,"data":(.*)\}$/, "$1"));
}

/** A handler that fails at the first try of each batch. */
function forgetful(name: string): Told {
  const seen = new Set<string>();
  return handler(name, ({ batchId }) => {
    if (seen.has(batchId)) return null;
    seen.add(batchId);
    throw new Error("not yet");
  });
}
const again = { backoff: { type: "fixed", delayMs: 10, maxMs: 10 } };

describe("in one process", () => {
  let system: System;
  const own = forgetful("own");
  beforeAll(async () => {
    system = await startSystem({ env: quick, extra: [own.schema] });
  });
  afterAll(() => system.stop());

  const imported = async (client: TestClient, body: string, type?: string) => {
    const { id } = await accepted(system.url, client, body, type);
    return ended(system, client, id);
  };

  test.each(types)("%s: the store keeps all digits", async (type) => {
    const client = await newClient(system.url, { schema });
    const { id, counts } = await imported(client, bodies[type], type);
    expect(counts).toMatchObject({ accepted: 4 });
    expect(await stored(system.url, client, id)).toEqual(records);
  });

  test.each(types)("%s: a handler gets all digits, and the same in a repeated call", async (type) => {
    const client = await newClient(system.url, { schema, handler: "own.run", ...again });
    const { id, counts } = await imported(client, bodies[type], type);
    expect(counts).toMatchObject({ accepted: 4 });
    expect(own.of(id).map(dataOf)).toEqual([delivered, delivered]);
  });

  test("unique keys compare values: other spellings of a number are equal, close numbers are not", async () => {
    const client = await newClient(system.url, { schema, uniqueKey: ["id", "amount"] });
    const keyed = (...rows: string[]) => imported(client, rows.map((row) => `{${row}}`).join("\n"));
    const near = ['"id":1,"amount":0.1', '"id":1,"amount":0.10000000000000000001', '"id":9007199254740993,"amount":0'];
    const far = ['"id":9007199254740992,"amount":0', '"id":1e400,"amount":1e-400', '"id":-1e400,"amount":0'];
    expect((await keyed(...near, ...far)).counts).toMatchObject({ accepted: 6, duplicate: 0 });
    const spelled = [
      '"id":1.0,"amount":10e-2',
      '"id":10e-1,"amount":0.100000000000000000010',
      '"id":10e399,"amount":10E-401',
    ];
    expect((await keyed(...spelled)).counts).toMatchObject({ accepted: 0, duplicate: 3 });
    const csv = "id,amount\n9007199254740993.0,0\n+1,.1\n9007199254740994,0\n";
    expect((await imported(client, csv, "text/csv")).counts).toMatchObject({ accepted: 1, duplicate: 2 });
  });

  test("a rejected record keeps all digits, and is sent again with them", async () => {
    const client = await newClient(system.url, { schema: { properties: { id: { maximum: 9007199254740992 } } } });
    const parent = await imported(client, records.join("\n"));
    const errors = await (await get(system.url, client, `/imports/${parent.id}/errors`)).text();
    expect(
      errors
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line).raw),
    ).toEqual(records.slice(0, 3));
    const patch = JSON.stringify({ schema: null });
    await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: patch });
    const response = await fetch(`${system.url}/imports/${parent.id}/retry?only=rejected`, {
      method: "POST",
      headers: { authorization: client.auth },
    });
    const { id } = await ended(system, client, ((await response.json()) as { id: string }).id);
    expect(await stored(system.url, client, id)).toEqual(records.slice(0, 3));
  });

  test("a number in a schema that a double cannot hold is refused with its place", async () => {
    const client = await newClient(system.url);
    const body = '{"schema":{"properties":{"a/b":{"maximum":9223372036854775807,"enum":[0.1,1e400]}}},"maxErrors":5}';
    const response = await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body });
    const { code, errors } = (await response.json()) as { code: string; errors: { pointer: string; detail: string }[] };
    expect([response.status, code, errors.map(({ pointer }) => pointer)]).toEqual([
      422,
      "validation",
      ["/schema/properties/a~1b/maximum", "/schema/properties/a~1b/enum/1"],
    ]);
    expect(errors[0]?.detail).toContain("9223372036854775807 would become 9223372036854776000; send that");
    expect(errors[0]?.detail).toContain('use "format": "int64"');
    const right = body.replace("9223372036854775807", "9223372036854776000").replace("1e400", "1e300");
    expect((await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: right })).status).toBe(
      200,
    );
  });
});

describeWithRabbit("on another node", () => {
  const far = forgetful("far");
  const namespace = newNamespace();
  const env = { ...quick, AMQP_URL: rabbitUrl, NAMESPACE: namespace };
  let system: System;
  let node: ServiceBroker;

  beforeAll(async () => {
    system = await startSystem({ env });
    node = await startNode({ env: { ...env, DATABASE_URL: "sqlite::memory:" }, services: [far.schema] });
    await until(() => !(system.broker.findNextActionEndpoint("far.run") instanceof Error));
  });
  afterAll(async () => {
    const ids = [system.broker.nodeID, node.nodeID];
    await node.stop();
    await system.stop();
    await removeNamespace(namespace, ids);
  });

  test.each(types)("%s: a handler on another node gets the same as one in the process", async (type) => {
    const client = await newClient(system.url, { schema, handler: "far.run", ...again });
    const { id } = await accepted(system.url, client, bodies[type], type);
    expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 4 } });
    expect(far.of(id).map(dataOf)).toEqual([delivered, delivered]);
  });
});
