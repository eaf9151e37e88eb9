/** The promise: every wrong request is refused with its own code, leaves nothing behind, and affects no other request. */
import { until } from "../helpers/patience.ts";
import { access } from "./bad-input.access.ts";
import { clientRoutes } from "./bad-input.clients.ts";
import { corrections } from "./bad-input.corrections.ts";
import { datasets } from "./bad-input.datasets.ts";
import { uploadFields } from "./bad-input.fields.ts";
import { keys } from "./bad-input.keys.ts";
import { type BadCase, expectProblem, requestOf, send, startWorld, type World } from "./bad-input.kit.ts";
import { operators } from "./bad-input.operators.ts";
import { queries } from "./bad-input.queries.ts";
import { types } from "./bad-input.types.ts";
import { uploads } from "./bad-input.uploads.ts";
import { waiting } from "./bad-input.waiting.ts";

let world: World;
let batches: number;
beforeAll(async () => {
  world = await startWorld();
});
// The counts are taken anew for each case, so that a case that is wrongly accepted does not make all later ones fail.
beforeEach(async () => {
  batches = await world.rows("batch");
});
afterAll(() => world.system.stop());

/** Checks that the process answers and that no table has more rows than before. */
async function expectNothingRemains() {
  const alive = await send(world.system.url, { path: "/health/live" });
  expect(alive.status).toBe(200);
  await until(
    async () =>
      (await world.rows("batch_chunk")) === 0 &&
      (await world.rows("idempotency_key")) === 0 &&
      (await world.rows("batch")) === batches,
    "nothing of a refused upload is left",
  );
}

async function expectNoBatchVisible(as: string) {
  const { text } = await send(world.system.url, {
    path: "/imports",
    headers: { authorization: world.authorization(as) },
  });
  const { items } = JSON.parse(text) as { items: { id: string }[] };
  expect(items.map(({ id }) => id).filter((id) => id !== world.ids.done)).toEqual([]);
}

const table: BadCase[] = [
  ...uploads,
  ...uploadFields,
  ...types,
  ...access,
  ...queries,
  ...operators,
  ...datasets,
  ...waiting,
  ...corrections,
  ...clientRoutes,
  ...keys,
];

test.each(table)("$name → $status $code", async (one) => {
  const request = requestOf(world, one);
  const answer = await send(world.system.url, request);
  if (request.method === "HEAD") {
    expect(answer).toMatchObject({ status: one.status, text: "" });
  } else {
    const problem = expectProblem(answer, one);
    expect(problem).toMatchObject(one.has ?? {});
    if (one.pointers) expect(problem.errors?.map(({ pointer }) => pointer).sort()).toEqual([...one.pointers].sort());
    for (const { detail } of problem.errors ?? []) expect(detail).toMatch(/./);
  }
  for (const [name, pattern] of Object.entries(one.headers ?? {})) expect(answer.headers[name]).toMatch(pattern);
  if (one.allow) expect(answer.headers.allow?.split(/, */).sort()).toEqual([...one.allow].sort());
  if (request.path?.startsWith("/imports") && request.method === "POST" && one.as && one.as !== "disabled")
    await expectNoBatchVisible(one.as);
  await expectNothingRemains();
});

test("each case of the table has a name of its own", () => {
  const names = table.map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  expect(names.length).toBeGreaterThan(80);
});

test("an unknown client and a wrong secret get the same answer", async () => {
  const asked = (text: string) =>
    send(world.system.url, {
      path: "/imports",
      headers: { authorization: `Basic ${Buffer.from(text).toString("base64")}`, "x-request-id": "same" },
    });
  const { date: _, ...unknown } = (await asked("nobody-at-all:secret")).headers;
  const { date: __, ...wrong } = (await asked(`${world.clients.free?.identifier}:secret`)).headers;
  expect(wrong).toEqual(unknown);
  expect((await asked(`${world.clients.free?.identifier}:secret`)).text).toBe(
    (await asked("nobody-at-all:secret")).text,
  );
});

test("creating a client whose identifier exists is a conflict", async () => {
  const answer = await send(world.system.url, {
    method: "POST",
    path: "/admin/clients",
    headers: { authorization: world.authorization("operator"), "content-type": "application/json" },
    body: JSON.stringify({ clientIdentifier: world.clients.free?.identifier, name: "again" }),
  });
  expectProblem(answer, { status: 409, code: "conflict" });
});

test("a client with a refused policy is not created", async () => {
  const answer = await send(world.system.url, {
    path: "/admin/clients",
    headers: { authorization: world.authorization("operator") },
  });
  expect(answer.text).not.toContain("a-new-client");
});
