/**
 * Each further run of a batch is a trace of its own with a link to the first. One grep over the logs of all nodes shows the
 * batch's life.
 */
import { admin, batchWhen, newClient } from "../helpers/http.ts";
import type { LogLine } from "../helpers/logged.ts";
import { until } from "../helpers/patience.ts";
import { caller, traceIdOf, type World } from "./traces.kit.ts";

const grepIn = (log: string, id: string) => log.split("\n").filter((line) => line.includes(`"batchId":"${id}"`));

const gated = (world: World, policy: object) => {
  const body = JSON.stringify(policy);
  return admin(world.url, `/clients/${world.client.id}/policy`, { method: "PATCH", body });
};

export function furtherRuns(world: World): void {
  test("a retry is a trace of its own, with a link to the first", async () => {
    await gated(world, { handler: "second.time" });
    const { traceId, traceparent } = caller();
    const id = await world.send({ traceparent });
    expect(await batchWhen(world.url, world.client, id)).toMatchObject({ status: "completed", attempts: 2 });
    const [request, first] = await Promise.all(
      ["POST /imports", "batch.run"].map((name) => world.spanOf(name, traceId)),
    );
    expect(first).toMatchObject({ attributes: { "dataflow.outcome": "retry" }, status: { code: 2 } });
    expect(await world.spanOf("batch.handler", traceId)).toMatchObject({
      attributes: { "dataflow.target": "second.time" },
    });
    const second = await world.runBeside(id, traceId);
    expect(second.parentSpanId || null).toBeNull();
    expect(second.links).toMatchObject([{ traceId, spanId: request?.spanId }]);
    const hook = await world.hooked(id, 1);
    expect(traceIdOf(hook.headers.traceparent)).toBe(second.traceId);
  });

  test("so is the rest of a long batch, after a slice in which another client waited", async () => {
    await gated(world, { handler: "second.gate", chunkRecords: 1 });
    const other = await newClient(world.url);
    const { traceId, traceparent } = caller();
    const id = await world.send({ traceparent }, '{"a":1}\n{"a":2}\n');
    await world.atGate(id, 0);
    const behind = caller();
    const short = await world.send({ traceparent: behind.traceparent }, undefined, other);
    world.open(id, 0);
    await batchWhen(world.url, other, short);
    await world.atGate(id, 1);
    world.open(id, 1);
    expect(await batchWhen(world.url, world.client, id)).toMatchObject({ status: "completed" });
    const [request, first] = await Promise.all(
      ["POST /imports", "batch.run"].map((name) => world.spanOf(name, traceId)),
    );
    expect(first?.attributes).toMatchObject({ "dataflow.outcome": "snooze" });
    const rest = await world.runBeside(id, traceId);
    expect([rest.parentSpanId || null, rest.attributes["dataflow.outcome"]]).toEqual([null, "done"]);
    expect(rest.links).toMatchObject([{ traceId, spanId: request?.spanId }]);
    // The other client's batch has run once, in the trace of its request.
    await world.spanOf("batch.run", behind.traceId);
  });

  test("so is the run of a batch that was taken from a dead worker; one grep over the logs of all nodes tells its life", async () => {
    await gated(world, { handler: "second.gate" });
    const client = `/clients/${world.client.id}`;
    // The client is paused, so that no worker claims the batch before the log has the line of its request.
    await admin(world.url, `${client}/pause`, { method: "POST" });
    const { traceId, traceparent } = caller();
    const id = await world.send({ traceparent, "x-request-id": "a-life" });
    const grep = () => world.nodes.flatMap((node) => grepIn(node.logs(), id));
    await until(() => grep().length === 1, "the line of the request");
    await admin(world.url, `${client}/resume`, { method: "POST" });
    await world.atGate(id, 0);
    await world.replaceWorker();
    world.open(id, 0);
    expect(await batchWhen(world.url, world.client, id)).toMatchObject({ status: "completed" });
    await world.hooked(id, 2);

    const request = await world.spanOf("POST /imports", traceId);
    const run = await world.runBeside(id, traceId);
    expect([run.parentSpanId || null, run.attributes["dataflow.outcome"]]).toEqual([null, "done"]);
    expect(run.links).toMatchObject([{ traceId, spanId: request.spanId }]);

    const life = () =>
      grep()
        .map((line) => JSON.parse(line) as LogLine & { ts: number })
        .filter(({ route }) => route !== "/imports/:id")
        .sort((one, other) => one.ts - other.ts);
    await until(
      () => life().at(-1)?.msg === "The webhook is delivered.",
      () => JSON.stringify(life()),
    );
    expect([...new Set(life().map(({ requestId }) => requestId))]).toEqual(["a-life"]);
    // A webhook may be sent before the worker has logged its own lines.
    const told = (...mods: unknown[]) => life().flatMap(({ mod, msg }) => (mods.includes(mod) ? [msg] : []));
    expect(told("access", "batch")).toEqual([
      "POST /imports 202",
      "The batch is claimed.",
      expect.stringMatching(/^The worker .+ fell silent: the batch was taken from it\.$/),
      "The batch is claimed.",
      "The chunk is committed.",
      "The batch has ended.",
    ]);
    expect(told("webhook")).toEqual(["The webhook failed and is sent again.", "The webhook is delivered."]);
    expect(told("access", "batch", "webhook")).toHaveLength(life().length);
    // An api node and two workers have logged lines of the batch.
    const [api, ...workers] = world.nodes.map((node) => grepIn(node.logs(), id));
    expect([api?.length, ...workers.map((lines) => lines.length)].every((n = 0) => n > 0)).toBe(true);
  });
}
