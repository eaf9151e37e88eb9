/** Where a custom handler may run, and what happens to a batch while its handler is missing. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceSchema } from "moleculer";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { accepted, admin, type Batch, batchWhen, get, lines, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { killLeftOvers, startProcess, temporaryFolder } from "../../helpers/process.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, numbersOf, row, rows, select } from "./kit.ts";

let system: System;
const plain = { name: "plain", actions: { run: () => null } } as unknown as ServiceSchema;

beforeAll(async () => {
  const env = { ...quick, BATCH_LEASE: "2s" };
  system = await startSystem({ env, extra: [plain] });
});
afterAll(() => system.stop());

test("a batch waits for a handler that is gone, without counting an attempt", async () => {
  const gone = handler("gone", () => null);
  const service = system.broker.createService(gone.schema);
  await until(() => !(system.broker.findNextActionEndpoint("gone.run") instanceof Error));
  const client = await newClient(system.url, { handler: "gone.run", maxAttempts: 1 });
  await system.broker.destroyService(service);
  const { id } = await accepted(system.url, client, rows(3));
  await until(async () => {
    const { state, startedAt, dueAt } = await row(system, id);
    return state === "ready" && startedAt !== null && (dueAt as number) > Date.now();
  });
  expect(await row(system, id)).toMatchObject({ attempt: 0, attemptsTotal: 0 });
  system.broker.createService(gone.schema);
  // The regular look after some seconds happens now.
  await select(system, `UPDATE batch SET due_at = 0 WHERE public_id = '${id}'`);
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", attempts: 1 });
  expect(numbersOf(gone.calls[0] as HandlerCall)).toEqual([1, 2, 3]);
});

test("a policy may only name an action that declares itself a handler", async () => {
  for (const name of ["plain.run", "nobody.run", "batch.cancel", "", 7]) {
    const policy = JSON.stringify({ clientIdentifier: "wrong-handler", name: "x", policy: { handler: name } });
    const response = await admin(system.url, "/clients", { method: "POST", body: policy });
    const { errors } = (await response.json()) as { errors: { pointer: string }[] };
    expect([response.status, errors.map(({ pointer }) => pointer)]).toEqual([422, ["/policy/handler"]]);
  }
});

test("a process loads HANDLERS_DIR, with its subfolders", async () => {
  const place = temporaryFolder();
  const service = (name: string) =>
    `const seen: number = 0; export default { name: "${name}", actions: { run: { importHandler: true, handler: (ctx) =>
      ({ rejected: [{ record: 2, errors: [{ code: ctx.params.records.length + ":" + seen }] }] }) } } };`;
  mkdirSync(join(place.folder, "deep/er"), { recursive: true });
  writeFileSync(join(place.folder, "deep/er/a.service.ts"), service("deep"));
  writeFileSync(join(place.folder, "b.service.mjs"), service("flat").replace(": number", ""));
  writeFileSync(join(place.folder, "no-service.ts"), "throw new Error('must not be loaded');");
  const running = await startProcess({ DATABASE_URL: place.databaseUrl, HANDLERS_DIR: place.folder });
  try {
    for (const name of ["deep.run", "flat.run"]) {
      const client = await newClient(running.url, { handler: name });
      const { id } = await accepted(running.url, client, rows(3));
      const batch: Batch = await batchWhen(running.url, client, id);
      expect(batch).toMatchObject({ status: "completed_with_errors", counts: { accepted: 2, rejected: 1 } });
      expect(await lines(get(running.url, client, `/imports/${id}/errors`))).toMatchObject([
        { record: 2, line: 2, raw: '{"n":2}', errors: [{ code: "3:0" }] },
      ]);
    }
    expect(await running.stop()).toMatchObject({ code: 0 });
  } finally {
    killLeftOvers();
    place.remove();
  }
});
