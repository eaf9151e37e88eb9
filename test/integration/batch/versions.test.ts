/** A policy's versions go once nobody needs them. */
import { accepted, admin, get, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { ended, rows, select } from "./kit.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { POLL_INTERVAL: "50ms" }, settings: { policy: { forgetMs: 50 } } });
});
afterAll(() => system.stop());

test("a node deletes what was replaced; batches keep the one that they were accepted under", async () => {
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
