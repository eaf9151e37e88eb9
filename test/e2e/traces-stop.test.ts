/** A stopping node sends its remaining spans, does not wait for a silent collector, and respects an SDK of the user's own. */
import { join } from "node:path";
import { root } from "../../root.cjs";
import { accepted, batchWhen, newClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { killLeftOvers, startProcess, temporaryFolder } from "../helpers/process.ts";
import { startCollector } from "../helpers/spans.ts";

describe("a node that is traced", () => {
  const folder = temporaryFolder();
  afterAll(() => {
    killLeftOvers();
    folder.remove();
  });
  const start = (collector: string, more: Record<string, string> = {}) =>
    startProcess({
      DATABASE_URL: folder.databaseUrl,
      HANDLERS_DIR: folder.folder,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_SERVICE_NAME: "imports",
      // Sends nothing before the stop.
      OTEL_BSP_SCHEDULE_DELAY: "3600000",
      ...more,
    });

  test("sends the spans that are left when it stops", async () => {
    const collector = await startCollector();
    const node = await start(collector.url);
    const client = await newClient(node.url);
    const { id } = await accepted(node.url, client, '{"a":1}');
    await batchWhen(node.url, client, id);
    expect(collector.spans()).toEqual([]);
    expect(await node.stop()).toMatchObject({ code: 0 });
    const names = collector.spans().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["POST /imports", "GET /imports/:id", "batch.run", "batch.commit"]));
    expect(collector.spans()[0]?.resource["service.name"]).toBe("imports");
    await collector.close();
  });

  test("waits for no collector that never answers, and neither does a request", async () => {
    const collector = await startCollector(true);
    const node = await start(collector.url);
    const client = await newClient(node.url);
    const { id } = await accepted(node.url, client, '{"a":1}');
    expect(await batchWhen(node.url, client, id)).toMatchObject({ status: "completed" });
    const { code, ms } = await node.stop();
    expect(code).toBe(0);
    // SHUTDOWN_TIMEOUT is 10 s, and the exporter alone would wait as long.
    expect(ms).toBeLessThan(patience(6_000));
    await collector.close();
  });

  test("uses the SDK that its user has started, and starts none", async () => {
    const collector = await startCollector();
    const node = await start(collector.url, { NODE_OPTIONS: `--import ${join(root, "test/e2e/traces.sdk.mjs")}` });
    const client = await newClient(node.url);
    const { id } = await accepted(node.url, client, '{"a":1}');
    await until(async () => collector.spans().some(({ name }) => name === "batch.run"), "a span of the run");
    await batchWhen(node.url, client, id);
    expect(await node.stop()).toMatchObject({ code: 0 });
    const names = new Set(collector.spans().map(({ resource }) => resource["service.name"]));
    expect([...names]).toEqual(["own"]);
    await collector.close();
  });
});
