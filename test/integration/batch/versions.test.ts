/** Versions of policies, and unique keys of deleted datasets, are deleted once no batch needs them. */
import { accepted, admin, get, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, rows, select } from "./kit.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({
    env: quick,
    settings: { policy: { forgetMs: 50 } },
  });
});
afterAll(() => system.stop());

const put = (path: string, body: object) => admin(system.url, path, { method: "PUT", body: JSON.stringify(body) });

test("a node deletes replaced policy versions, but none that a batch was accepted under", async () => {
  const client = await newClient(system.url, { weight: 1 });
  const changed = async (weight: number) =>
    expect(
      (await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: JSON.stringify({ weight }) }))
        .status,
    ).toBe(200);
  const versions = async () =>
    (await select<{ version: number }>(system, "SELECT version FROM policy ORDER BY version")).map((row) =>
      Number(row.version),
    );
  for (const weight of [2, 3]) await changed(weight);
  const { id } = await accepted(system.url, client, rows(1));
  await ended(system, client, id);
  for (const weight of [4, 5]) await changed(weight);
  expect(await versions()).toEqual([1, 2, 3, 4, 5]);
  await select(system, "UPDATE policy SET created_at = 1");
  await until(async () => (await versions())[0] === 3);
  expect(await versions()).toEqual([3, 4, 5]);
  expect((await get(system.url, client, "/policy")).status).toBe(200);
});

test("a node deletes pinned versions of datasets once a later version has replaced them", async () => {
  const client = await newClient(system.url);
  const pins = async () => (await select(system, "SELECT id FROM dataset_pin")).length;
  for (const maxErrors of [1, 2]) {
    await put("/datasets/orders", { maxErrors });
    await put(`/clients/${client.id}/datasets/orders`, {});
    // The version under which a refused upload was checked is kept, too.
    const headers = { authorization: client.auth, "content-type": "text/plain" };
    await fetch(`${system.url}/datasets/orders/imports`, { method: "POST", body: "x", headers });
  }
  expect(await pins()).toBe(2);
  await select(system, "UPDATE dataset_pin SET created_at = 1");
  await until(async () => (await pins()) === 1);
});

test("the unique keys of a deleted dataset go, and those of other datasets stay", async () => {
  const client = await newClient(system.url);
  const keys = async () => (await select(system, "SELECT batch_id FROM record_key")).length;
  for (const name of ["stock", "prices"]) {
    await put(`/datasets/${name}`, { uniqueKey: "n" });
    await put(`/clients/${client.id}/datasets/${name}`, {});
    const headers = { authorization: client.auth, "content-type": "application/x-ndjson", prefer: "wait=30" };
    await fetch(`${system.url}/datasets/${name}/imports`, { method: "POST", body: '{"n":1}\n{"n":2}', headers });
  }
  expect(await keys()).toBe(4);
  await admin(system.url, `/clients/${client.id}/datasets/stock`, { method: "DELETE" });
  expect((await admin(system.url, "/datasets/stock", { method: "DELETE" })).status).toBe(204);
  await until(async () => (await select(system, "SELECT scope FROM ended_scope")).length === 0);
  expect(await keys()).toBe(2);
});
