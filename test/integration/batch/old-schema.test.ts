/**
 * A schema that an earlier release has accepted may exceed today's limits. It fails its batches, and does not keep a worker busy.
 */
import { announce } from "../../../services/messages.ts";
import { accepted, newClient } from "../../helpers/http.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { ended, rows, select } from "./kit.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { POLL_INTERVAL: "100ms" } });
});
afterAll(() => system.stop());

test("a batch with a schema beyond today's limits fails at once, and says why", async () => {
  const client = await newClient(system.url);
  const body = JSON.stringify({ schema: { properties: { n: { pattern: "a{1000}".repeat(20) } } } });
  await select(
    system,
    `INSERT INTO policy (client_id, version, body, created_at) SELECT id, 2, '${body}', 0 FROM client`,
  );
  const [row] = await select<{ id: number }>(system, "SELECT id FROM client");
  await announce(system.broker, "policy.changed", { clientId: Number(row?.id), version: 2 });
  const { id } = await accepted(system.url, client, rows(3));
  expect(await ended(system, client, id)).toMatchObject({
    status: "failed",
    attempts: 1,
    counts: { received: 3, accepted: 0, rejected: 0 },
    error: { code: "schema-unusable", detail: expect.stringContaining("the pattern is too large") },
  });
});
