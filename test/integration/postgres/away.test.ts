/**
 * The promise: when PostgreSQL goes away while a node runs, by a cut or silently, callers learn it in time. Everything works
 * again when it is back.
 */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { describePostgres } from "../../helpers/database.ts";
import { accepted, admin, batchWhen, get, newClient, post } from "../../helpers/http.ts";
import { patience } from "../../helpers/patience.ts";
import { startSystem } from "../../helpers/system.ts";
import { chunkCommit, claimed } from "../store/drafts.ts";
import { opened, type Proxied, proxiedPostgres } from "./kit.ts";

const withoutWorker = ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"];

async function onProxied<T>(work: (at: Proxied) => Promise<T>): Promise<T> {
  const at = await proxiedPostgres();
  try {
    return await work(at);
  } finally {
    await at.remove();
  }
}

async function chunkOnSilentLink(at: Proxied) {
  const db = await opened(at.url);
  try {
    const batch = await claimed(db.store, 1);
    const lost = at.proxy.lose('{"n":1}', "silent");
    const written = await db.store.commitChunk(chunkCommit(batch));
    await lost;
    return [written?.batch.nextChunk, written?.batch.accepted, await at.rows("SELECT seq FROM record ORDER BY seq")];
  } finally {
    await db.close();
  }
}

async function chunkWithoutDatabase(at: Proxied) {
  const db = await opened(at.url);
  try {
    const batch = await claimed(db.store, 1);
    at.proxy.lose('{"n":1}', "cut", () => at.proxy.shut());
    return await db.store.commitChunk(chunkCommit(batch)).catch((error: unknown) => error);
  } finally {
    await db.close();
  }
}

/** The status of each answer, whether it has a `Retry-After`, and the longest time that a request took. */
async function answers(requests: (() => Promise<Response>)[]) {
  const beganAt = performance.now();
  const all = await Promise.all(requests.map((request) => request()));
  const seconds = (performance.now() - beganAt) / 1000;
  return { seen: all.map(({ status, headers }) => [status, headers.get("retry-after") !== null]), seconds };
}

async function apiOnFrozenLink(at: Proxied) {
  const env = { DATABASE_URL: at.url, LOG_LEVEL: "fatal" };
  const system = await startSystem({ services: withoutWorker, env });
  try {
    const client = await newClient(system.url);
    const { id } = await accepted(system.url, client, '{"n":1}');
    const requests = [
      () => get(system.url, client, `/imports/${id}`),
      () => get(system.url, client, "/imports"),
      () => get(system.url, client, `/imports/${id}/records`),
      () => post(system.url, client, '{"n":2}'),
      () => admin(system.url, "/clients"),
      () => admin(system.url, "/batches"),
      () => fetch(`${system.url}/health/ready`),
    ];
    at.proxy.freeze();
    const frozen = await answers(requests);
    at.proxy.thaw();
    const thawedAt = performance.now();
    await batchWhen(system.url, client, id, ({ status }) => status === "ready");
    await accepted(system.url, client, '{"n":3}');
    return { frozen, recovered: (performance.now() - thawedAt) / 1000 };
  } finally {
    await system.stop();
  }
}

describePostgres("a PostgreSQL that is away", () => {
  // Both tests run at the same time, because each takes as long as a node waits for a silent link.
  test("a silent link is noticed within 15 s, and the node serves at once when PostgreSQL is back", async () => {
    const [silent, without, api] = await Promise.all([
      onProxied(chunkOnSilentLink),
      onProxied(chunkWithoutDatabase),
      onProxied(apiOnFrozenLink),
    ]);
    expect(silent).toEqual([1, 3, [{ seq: 1 }, { seq: 2 }, { seq: 3 }]]);
    expect(without).toBeInstanceOf(DatabaseUnavailable);
    const refused = Array.from({ length: 7 }, (_, i) => [503, i < 6]);
    expect(api.frozen.seen).toEqual(refused);
    expect(api.frozen.seconds).toBeLessThan(patience(20));
    expect(api.recovered).toBeLessThan(patience(5));
  });
});
