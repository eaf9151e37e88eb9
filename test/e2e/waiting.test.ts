/** The promise: a request that waits for a batch, by Prefer: wait or its ETag, is answered as soon as the batch ends. */
import { accepted, admin, batchWhen, newClient, post } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { hasStatus, rows } from "../integration/batch/kit.ts";
import {
  AT_ONCE_MS,
  ask,
  batchOf,
  client,
  held,
  letAllGo,
  slow,
  startWaiting,
  took,
  url,
  watches,
  working,
} from "./waiting.kit.ts";

startWaiting();

describe("POST with Prefer: wait", () => {
  test("answers 200 with the batch once it has ended", async () => {
    const response = await post(url, client, rows(3), undefined, { prefer: "wait=30" });
    const batch = await batchOf(response);
    expect(response.status).toBe(200);
    expect(batch).toMatchObject({ status: "completed", counts: { accepted: 3 }, progress: 1 });
    expect(response.headers.get("preference-applied")).toBe("wait=30");
    expect(response.headers.get("location")).toBe(`/imports/${batch.id}`);
    expect(response.headers.has("retry-after")).toBe(false);
  });

  test("answers 202 with the batch as it is when the time is over", async () => {
    const { value: response, ms } = await took(() => post(url, slow, rows(1), undefined, { prefer: "wait=1" }));
    const batch = await batchOf(response);
    expect(response.status).toBe(202);
    expect(batch.status).toBe("processing");
    expect(response.headers.get("preference-applied")).toBe("wait=1");
    expect(response.headers.get("location")).toBe(`/imports/${batch.id}`);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(ms).toBeGreaterThan(990);
  });

  test("shortens a wait of more than a minute, and ignores other preferences", async () => {
    const headers = { prefer: 'handling=lenient; strictly="no, \\"not\\" at all", WAIT="600"; x' };
    const response = await post(url, client, rows(1), undefined, headers);
    expect([response.status, response.headers.get("preference-applied")]).toEqual([200, "wait=60"]);
  });

  test("without Prefer: wait, 202 comes at once", async () => {
    const response = await post(url, client, rows(1), undefined, { prefer: "respond-async" });
    expect([response.status, response.headers.has("preference-applied")]).toEqual([202, false]);
  });
});

describe("GET with Prefer: wait", () => {
  test("answers at the end of the batch, and at once after it", async () => {
    const { id } = await working();
    const asked = ask(id, { prefer: "wait=30" });
    await until(() => watches().size === 1);
    const { value: response, ms } = await took(() => {
      letAllGo();
      return asked;
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("preference-applied")).toBe("wait=30");
    expect(response.headers.has("retry-after")).toBe(false);
    expect(await batchOf(response)).toMatchObject({ status: "completed", counts: { accepted: 1 } });
    expect(ms).toBeLessThan(patience(AT_ONCE_MS));
    const again = await took(() => ask(id, { prefer: "wait=30" }));
    expect(again.ms).toBeLessThan(patience(AT_ONCE_MS));
    expect(watches().size).toBe(0);
  });

  test("answers the batch as it is when the time is over", async () => {
    const { id } = await working();
    const { value: response, ms } = await took(() => ask(id, { prefer: "wait=1" }));
    expect(await batchOf(response)).toMatchObject({ status: "processing" });
    expect(response.headers.get("retry-after")).toBe("1");
    expect(ms).toBeGreaterThan(990);
    expect(watches().size).toBe(0);
  });

  test("answers at a cancel and at a rejection, and works for operators too", async () => {
    const { id } = await working();
    const asked = ask(id, { prefer: "wait=30" });
    await until(() => watches().size === 1);
    await fetch(`${url}/imports/${id}/cancel`, { method: "POST", headers: { authorization: slow.auth } });
    expect(await batchOf(await asked)).toMatchObject({ status: "cancelled" });
    const careful = await newClient(url, { requiresApproval: true });
    const waiting = await accepted(url, careful, rows(1));
    const operator = admin(url, `/batches/${waiting.id}`, { headers: { prefer: "wait=30" } });
    await until(() => watches().size === 1);
    await admin(url, `/batches/${waiting.id}/reject`, { method: "POST", body: "{}" });
    const response = await operator;
    expect(response.headers.get("preference-applied")).toBe("wait=30");
    expect(await batchOf(response)).toMatchObject({ status: "rejected", clientId: careful.id });
  });

  test("a waiting client that hangs up leaves nothing behind", async () => {
    const { id } = await working();
    const hangUp = new AbortController();
    const asked = fetch(`${url}/imports/${id}`, {
      headers: { authorization: slow.auth, prefer: "wait=60" },
      signal: hangUp.signal,
    }).catch(() => "hung up");
    await until(() => watches().size === 1);
    hangUp.abort();
    expect(await asked).toBe("hung up");
    await until(() => watches().size === 0);
  });
});

describe("ETag", () => {
  test("the ETag changes with the batch; a known state gets 304, which spends a request", async () => {
    const { id } = await working();
    const first = await ask(id, {});
    const tag = first.headers.get("etag") as string;
    expect(tag).toMatch(/^"[^"]+"$/);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const same = await ask(id, { "if-none-match": known });
      expect([same.status, await same.text(), same.headers.get("etag")]).toEqual([304, "", tag]);
      expect(same.headers.get("ratelimit")).toMatch(/^"requests";r=\d+;t=\d+$/);
      expect(same.headers.has("content-type")).toBe(false);
    }
    for (const unknown of ['"other"', "nonsense", tag.slice(1, -1), ""])
      expect((await ask(id, { "if-none-match": unknown })).status).toBe(200);
    letAllGo();
    await batchWhen(url, slow, id);
    const changed = await ask(id, { "if-none-match": tag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get("etag")).not.toBe(tag);
    const operator = await admin(url, `/batches/${id}`);
    const known = { "if-none-match": operator.headers.get("etag") as string };
    expect((await admin(url, `/batches/${id}`, { headers: known })).status).toBe(304);
  });

  test("If-None-Match with Prefer: wait answers at the next change", async () => {
    const { id } = await working(2);
    const tag = (await ask(id, {})).headers.get("etag") as string;
    const known = { "if-none-match": tag, prefer: "wait=30" };
    const asked = ask(id, known);
    await until(() => watches().size === 1);
    held.shift()?.();
    const { value: response, ms } = await took(() => asked);
    expect(response.status).toBe(200);
    expect(await batchOf(response)).toMatchObject({ status: "processing", counts: { accepted: 1 } });
    expect(ms).toBeLessThan(patience(AT_ONCE_MS));
    // The client's version is old already, so there is no wait.
    expect((await took(() => ask(id, known))).ms).toBeLessThan(patience(AT_ONCE_MS));
    const in1s = { "if-none-match": response.headers.get("etag") as string, prefer: "wait=1" };
    const { value: same, ms: waitedMs } = await took(() => ask(id, in1s));
    expect([same.status, same.headers.get("preference-applied")]).toEqual([304, "wait=1"]);
    expect(waitedMs).toBeGreaterThan(990);
    letAllGo();
    await until(() => held.length > 0 || hasEnded(id));
    letAllGo();
    const { id: _, status } = await batchWhen(url, slow, id);
    expect(status).toBe("completed");
    const over = { "if-none-match": (await ask(id, {})).headers.get("etag") as string, prefer: "wait=30" };
    const { value: known304, ms: overMs } = await took(() => ask(id, over));
    expect(known304.status).toBe(304);
    expect(overMs).toBeLessThan(patience(AT_ONCE_MS));
  });
});

const hasEnded = async (id: string) => hasStatus("completed")(await batchOf(await ask(id, {})));
