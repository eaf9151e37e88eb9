/** The promise: every node serves the same console. The console notices at once that a node is gone, and that it is back. */
import { hostname } from "node:os";
import type { SystemStats } from "../../services/monitor/monitor.contract.ts";
import { newNamespace, rabbitUrl, removeNamespace } from "../helpers/amqp.ts";
import { migratedPostgres, postgresTarget, postgresUrlAt } from "../helpers/database.ts";
import { type FeedReader, readFeed } from "../helpers/feed.ts";
import { accepted, admin, batchWhen, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { freePort } from "../helpers/port.ts";
import { killLeftOvers, type RunningProcess, startProcess } from "../helpers/process.ts";
import { startProxy, type TcpProxy } from "../helpers/proxy.ts";
import { freshPrefix, looker, redisUrl } from "../helpers/redis.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { startConsole, type Visit } from "./kit.ts";

const namespace = newNamespace();
const prefix = freshPrefix();
const nodeIds: string[] = [];
let first: RunningProcess;
let second: RunningProcess;
/** The link between the second node and the database. */
let link: TcpProxy;
let startFirst: () => Promise<RunningProcess>;

const nodeIdOf = ({ pid }: { pid: number }) => `${hostname().toLowerCase()}-${pid}`;

async function known(starting: Promise<RunningProcess>): Promise<RunningProcess> {
  const node = await starting;
  nodeIds.push(nodeIdOf(node));
  return node;
}

async function startNodes() {
  const { url: databaseUrl } = await migratedPostgres();
  const servers = { REDIS_URL: redisUrl, AMQP_URL: rabbitUrl, NAMESPACE: namespace, REDIS_KEY_PREFIX: prefix };
  const env = { ...servers, LOG_LEVEL: "error", WORKER_CONCURRENCY: "1", POLL_INTERVAL: "1s" };
  link = await startProxy(postgresTarget);
  const port = String(await freePort());
  startFirst = () => known(startProcess({ ...env, DATABASE_URL: databaseUrl, PORT: port, LOG_LEVEL: "info" }));
  const farther = { ...env, DATABASE_URL: postgresUrlAt(databaseUrl, link.port), LOG_LEVEL: "info" };
  [first, second] = await Promise.all([startFirst(), known(startProcess(farther))]);
  return {
    url: first.url,
    async stop() {
      await Promise.all([first, second].map((node) => node.stop("SIGKILL")));
      killLeftOvers();
      await link.close();
      await looker(prefix).end();
      await removeNamespace(namespace, nodeIds);
    },
  };
}

const world = startConsole({ other: { needs: ["postgres", "redis", "rabbit"], start: startNodes } });

const rowOf = ({ page }: Visit, node: string) => page.locator("tr", { hasText: node });
const turned = (node: string, how: "pause" | "resume") =>
  admin(first.url, `/nodes/${node}/${how}`, { method: "POST", body: "{}" });
const body = (records: number) => Array.from({ length: records }, (_, i) => `{"i":${i}}\n`).join("");

/** The number of records that were stored in the last ten minutes, as this node reports it. */
async function storedBy({ url }: RunningProcess): Promise<number> {
  const { series } = (await (await admin(url, "/stats/history?step=10s&series=records")).json()) as {
    series: { accepted: number[] };
  };
  return series.accepted.reduce((sum, n) => sum + n, 0);
}

test("a session is valid on both nodes, a page of one shows the other's work live, and figures are sums of both", async () => {
  const [a, b] = [nodeIdOf(first), nodeIdOf(second)];
  const client = await newClient(first.url, { requiresApproval: true });
  const { id } = await accepted(first.url, client, body(3_000));
  await batchWhen(first.url, client, id, ({ status }) => status === "held");
  const operator = await world.visit({ role: "operator", path: "#/nodes" });
  for (const node of [a, b]) await rowOf(operator, node).getByText("up", { exact: true }).waitFor();
  const partner = await world.visit({ role: "partner", client, path: "#/" });
  const elsewhere = await partner.context.newPage();
  await elsewhere.goto(`${second.url}/#/`);
  await elsewhere.getByRole("heading", { level: 1, name: "Home" }).waitFor();
  await elsewhere.close();
  const shown = partner.page.locator("main");
  await shown.getByText("held").first().waitFor();
  await partner.page.locator("button.age.live").waitFor();
  await turned(a, "pause");
  await rowOf(operator, a).getByText("paused", { exact: true }).waitFor();
  await admin(first.url, `/batches/${id}/approve`, { method: "POST", body: "{}" });
  await shown.getByText("held").first().waitFor({ state: "detached" });
  await shown.getByText("completed").first().waitFor();
  expect(await batchWhen(second.url, client, id)).toMatchObject({ counts: { accepted: 3_000 } });
  await turned(a, "resume");
  await turned(b, "pause");
  await rowOf(operator, b).getByText("paused", { exact: true }).waitFor();
  const next = await accepted(second.url, world.seed.client, '{"id":"next"}\n');
  await batchWhen(first.url, world.seed.client, next.id);
  await turned(b, "resume");
  // The seed has 36 accepted records.
  for (const node of [first, second]) await until(async () => (await storedBy(node)) === 3_037, "the figures of both");
  await operator.unharmed();
});

test("the streams of both nodes report all nodes and batches; a node without its database says so, and goes on", async () => {
  const client = await newClient(second.url);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const follow = ({ url }: RunningProcess) => readFeed(`${url}/admin/events?topics=stats,batches`, headers);
  const readers = await Promise.all([follow(first), follow(second)]);
  const [near, far] = readers as [FeedReader, FeedReader];
  const stats = ({ events }: FeedReader) => events.filter(({ event }) => event === "stats");
  for (const reader of readers)
    await until(
      () => (stats(reader).at(-1)?.data as unknown as SystemStats | undefined)?.nodes.length === 2,
      "the figures of two",
    );
  const { id } = await accepted(first.url, client, body(3));
  const hasEnded = ({ events }: FeedReader) =>
    events.some(({ event, data }) => event === "batch" && data.id === id && data.status === "completed");
  for (const reader of readers) await until(() => hasEnded(reader), "the end of the batch");
  const visit = await world.visit({ role: "admin", url: second.url, path: "#/" });
  await visit.page.getByText(/^All is well/).waitFor();
  await link.shut();
  const told = (reader: FeedReader, state: string) =>
    reader.events.some(({ event, data }) => event === "notice" && data.name === "database" && data.state === state);
  await until(() => told(far, "down"), "the notice");
  await visit.page
    .getByText("The database does not answer.")
    .or(visit.page.getByText("The figures could not be read."))
    .first()
    .waitFor();
  expect(told(near, "down")).toBe(false);
  await link.open();
  await until(() => told(far, "up"), "the other notice");
  const before = stats(far).length;
  await until(() => stats(far).length > before, "further figures");
  await visit.page.getByText(/^All is well/).waitFor();
  for (const reader of readers) reader.hangUp();
});

test("the page of a killed node keeps its data and allows no change, other pages show that the node is gone; once it is back the page goes on", async () => {
  const gone = nodeIdOf(first);
  const own = await world.visit({ role: "admin", path: "#/nodes" });
  const other = await world.visit({ role: "viewer", url: second.url, path: "#/nodes" });
  for (const { page } of [own, other]) await page.locator("button.age.live").waitFor();
  await first.stop("SIGKILL");
  await own.page.getByText("The API does not answer.").first().waitFor();
  expect([await own.page.locator("main.stale").count(), await rowOf(own, gone).count()]).toEqual([1, 1]);
  const button = own.page.getByRole("button", { name: "Empty caches" });
  await until(async () => (await button.getAttribute("aria-disabled")) === "true", "the button to rest");
  await button.click({ force: true });
  expect(await own.page.getByRole("dialog").count()).toBe(0);
  await rowOf(other, gone).getByText("unreachable").waitFor();
  await own.page.evaluate("window.isSame = true");
  first = await startFirst();
  await own.page.getByText("The API does not answer.").waitFor({ state: "detached" });
  await own.page.locator("button.age.live").waitFor();
  await rowOf(own, nodeIdOf(first)).getByText("up", { exact: true }).waitFor();
  expect(await own.page.evaluate("window.isSame")).toBe(true);
  await own.unharmed();
  await other.unharmed();
});

test("a stream ends when its node stops", async () => {
  const { response, ended } = await readFeed(`${second.url}/admin/events?topics=stats`, {
    authorization: `Bearer ${ADMIN_TOKEN}`,
  });
  expect(response.status).toBe(200);
  const stopping = second.stop();
  await ended;
  expect(await stopping).toMatchObject({ code: 0 });
});
