/** The promise: every route answers a request with another client's id exactly as one with an id that does not exist. */
import { uuidv7 } from "../../services/ids.ts";
import { accepted, admin, type Batch, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { type Operation, operations } from "../helpers/openapi.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

/** The operations come from the OpenAPI document, so that new routes are tested too. */
const withId = operations.filter(({ path }) => path.includes("{id}"));
const ofClients = withId.filter(({ tags }) => tags[0] === "clients");
const ofOperators = withId.filter(({ tags }) => tags[0] === "operators");

let system: System;
let url: string;
let stranger: TestClient;
let owner: TestClient;
/** Ids that exist but do not belong to the stranger. */
let foreign: Record<string, string>;

async function batchOf(policy: object, status: string, body = '{"n":1}\n{"n":"x"}'): Promise<string> {
  const client = await newClient(url, { schema: { properties: { n: { type: "integer" } } }, ...policy });
  const { id } = await accepted(url, client, body);
  await batchWhen(url, client, id, (batch) => batch.status === status);
  return id;
}

async function someDelivery(): Promise<string> {
  const batch = await batchOf({ webhook: { url: "http://127.0.0.1:1/hooks" } }, "completed_with_errors");
  const { items } = (await (await admin(url, `/deliveries?batch=${batch}`)).json()) as { items: { id: string }[] };
  return items[0]?.id as string;
}

beforeAll(async () => {
  system = await startSystem({ env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", LOG_LEVEL: "fatal" } });
  ({ url } = system);
  stranger = await newClient(url);
  owner = await newClient(url);
  foreign = {
    "a batch that has ended": await batchOf({}, "completed_with_errors"),
    "a batch that failed": await batchOf({ maxErrors: 0 }, "failed"),
    "a batch that is held": await batchOf({ requiresApproval: true }, "held"),
    "a client": owner.id,
    "the asking client itself": stranger.id,
    "a delivery": await someDelivery(),
  };
});
afterAll(() => system.stop());

/** Queries, headers and bodies that a route may get. */
const variants: Record<string, { query?: string; headers?: Record<string, string> }> = {
  plainly: {},
  "with all that a request may prefer": {
    headers: {
      prefer: "wait=1",
      "if-none-match": '"v1"',
      "if-match": '"1"',
      accept: "text/csv",
      "last-event-id": "3",
      "idempotency-key": "a-key",
    },
  },
};

function bodyOf({ bodies, isBodyOptional }: Operation): { body?: string; type?: string } {
  const [type, content] = Object.entries(bodies)[0] ?? [];
  if (!type || !content || isBodyOptional) return {};
  const [example] = Object.values(content.examples);
  return { type, body: JSON.stringify(example?.value) };
}

interface Asked {
  operation: Operation;
  id: string;
  authorization: string;
  variant?: keyof typeof variants;
  query?: string;
}

/**
 * Header fields that depend on the moment. Whether a connection stays open depends on how much of the body has arrived by then.
 */
const ofTheMoment = ["date", "x-request-id", "ratelimit", "connection", "keep-alive"];

/** All parts of an answer that could tell ids apart. */
async function answerTo({ operation, id, authorization, variant = "plainly", query = "" }: Asked) {
  const { body, type } = bodyOf(operation);
  const { headers } = variants[variant] ?? {};
  const response = await fetch(`${url}${operation.path.replace("{id}", id)}${query}`, {
    method: operation.method,
    headers: { authorization, ...(type ? { "content-type": type } : {}), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const shown = [...response.headers].filter(([name]) => !ofTheMoment.includes(name));
  return { status: response.status, headers: Object.fromEntries(shown), body: await response.text() };
}

const name = ({ method, path }: Operation) => `${method} ${path}`;

test("the tests cover every route with an id", () => {
  expect(ofClients.length + ofOperators.length).toBe(withId.length);
  expect(ofClients.length).toBeGreaterThanOrEqual(6);
  // Ids in other places than {id} would have to be tested here. Names of datasets are tested below, keys in keys.test.ts. Files
  // and nodes belong to no client.
  const others = operations.filter(({ path }) => /\{(?!(?:id|name|keyId)\})/.test(path));
  expect(others.filter(({ path }) => !/^\/(docs|console|admin\/nodes)\//.test(path)).map(name)).toEqual([]);
});

describe.each(ofClients.map((operation) => [name(operation), operation] as const))("%s", (_name, operation) => {
  const queries = [
    "",
    ...operation.parameters
      .filter(({ in: place }) => place === "query")
      .map(({ name, example }) => `?${name}=${example}`),
  ];

  test.each(Object.keys(variants))(
    "answers for another client's id as for an id that does not exist, %s",
    async (variant) => {
      for (const query of queries) {
        const ask = (id: string) => answerTo({ operation, id, authorization: stranger.auth, variant, query });
        const nobodys = await ask(uuidv7());
        expect([nobodys.status, JSON.parse(nobodys.body).code]).toEqual([404, "not-found"]);
        for (const [what, id] of Object.entries(foreign))
          expect({ what, ...(await ask(id)) }).toEqual({ what, ...nobodys });
        expect(await ask("no-uuid")).toEqual(nobodys);
        expect(await ask((foreign["a batch that has ended"] as string).toUpperCase())).toEqual(nobodys);
      }
    },
  );
});

const ofDatasets = operations.filter(({ path }) => path.startsWith("/datasets/{name}"));

test.each(ofDatasets.map((operation) => [name(operation), operation] as const))(
  "%s answers for another client's dataset as for one that does not exist",
  async (_name, operation) => {
    const json = { method: "PUT", body: "{}" };
    await admin(url, "/datasets/owned", json);
    await admin(url, `/clients/${owner.id}/datasets/owned`, json);
    const ask = async (dataset: string) => {
      const path = operation.path.replace("{name}", dataset);
      const answer = await answerTo({ operation: { ...operation, path }, id: "", authorization: stranger.auth });
      return { ...answer, body: answer.body.replaceAll(dataset, "it") };
    };
    const nobodys = await ask("never");
    expect([nobodys.status, JSON.parse(nobodys.body).code]).toEqual([404, "not-found"]);
    expect(await ask("owned")).toEqual(nobodys);
  },
);

describe.each(ofOperators.map((operation) => [name(operation), operation] as const))("%s", (_name, operation) => {
  test("finds nothing by the id of another kind of resource", async () => {
    const ask = (id: string) => answerTo({ operation, id, authorization: `Bearer ${ADMIN_TOKEN}` });
    const nobodys = await ask(uuidv7());
    expect([nobodys.status, JSON.parse(nobodys.body).code]).toEqual([404, "not-found"]);
    const isOwn = (what: string) =>
      operation.path.startsWith("/admin/clients")
        ? what.includes("client")
        : operation.path.startsWith("/admin/deliveries")
          ? what.includes("delivery")
          : what.includes("batch");
    for (const [what, id] of Object.entries(foreign))
      if (!isOwn(what)) expect({ what, ...(await ask(id)) }).toEqual({ what, ...nobodys });
    for (const id of ["no-uuid", ...Object.values(foreign).map((one) => one.toUpperCase())])
      expect(await ask(id)).toEqual(nobodys);
  });

  test("refuses clients, whoever owns the id", async () => {
    for (const id of [uuidv7(), ...Object.values(foreign)]) {
      const { status } = await answerTo({ operation, id, authorization: stranger.auth });
      expect(status).toBe(401);
    }
  });
});

test("lists show only the client's own, and the requests of this file changed nothing", async () => {
  const { items } = (await (await get(url, stranger, "/imports?limit=200")).json()) as { items: Batch[] };
  expect(items).toEqual([]);
  const states = ["completed_with_errors", "failed", "held"];
  const seen = Object.values(foreign)
    .slice(0, 3)
    .map(async (id) => (await (await admin(url, `/batches/${id}`)).json()) as Batch);
  expect((await Promise.all(seen)).map(({ status }) => status)).toEqual(states);
});
