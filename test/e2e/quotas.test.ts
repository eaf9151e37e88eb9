/** The promise: a day's quotas of bytes and records are exact, and a refusal says when to come again. */
import { post } from "../helpers/http.ts";
import {
  batchesOf,
  client,
  DAY_S,
  long,
  newKey,
  send,
  slowly,
  startUploads,
  told,
  url,
  useClient,
} from "./uploads.kit.ts";

startUploads();

describe("the day's quotas", () => {
  const body = '{"a":1}\n{"a":2}\n';
  const exceeded = (violated: string[]) => ({
    type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    status: 429,
    code: "quota-exceeded",
    "violated-policies": violated,
  });

  async function refused(response: Response, ...violated: string[]) {
    expect(await response.json()).toMatchObject(exceeded(violated));
    const seconds = Number(response.headers.get("retry-after"));
    const left = DAY_S - (Date.now() / 1000 - Math.floor(Date.now() / 1000 / DAY_S) * DAY_S);
    expect(Math.abs(seconds - left)).toBeLessThan(10);
  }

  test("bytesPerDay counts only stored batches, and is exact", async () => {
    await useClient({ bytesPerDay: body.length * 2, dedup: "returnExisting" });
    const key = newKey();
    const first = await send(key, body);
    expect(first.headers.get("ratelimit-policy")).toContain(`"bytesPerDay";q=${body.length * 2};w=86400`);
    expect(first.status).toBe(202);
    for (const status of [200, 200]) expect((await post(url, client, body)).status).toBe(status);
    expect((await post(url, client, "{")).status).toBe(202);
    const other = body.replace("1", "3").slice(0, -1);
    expect((await post(url, client, other)).status).toBe(202);
    await refused(await post(url, client, "{}"), "bytesPerDay");
    expect(await told(await send(key, body))).toMatchObject({ status: 202, isReplayed: true });
  });

  test("recordsPerDay ends an upload in the middle; bytesPerDay before it if its length shows it", async () => {
    await useClient({ recordsPerDay: 3, bytesPerDay: 1_000, chunkRecords: 1 });
    await refused(await post(url, client, long), "bytesPerDay");
    const { body: stream, push } = slowly();
    const reading = post(url, client, stream);
    // More bytes than the node reads to recognize the body.
    push('{"a":1}\n'.repeat(50));
    await refused(await reading, "recordsPerDay");
    expect((await post(url, client, body)).status).toBe(202);
    await refused(await post(url, client, body), "recordsPerDay");
    expect((await post(url, client, '{"a":3}')).status).toBe(202);
    const asked = await post(url, client, "{}");
    await refused(asked, "recordsPerDay");
    expect(await batchesOf(client)).toHaveLength(2);
  });

  test("the quota of a day is exact for many uploads at once", async () => {
    await useClient({ recordsPerDay: 10 });
    const all = await Promise.all(Array.from({ length: 12 }, async () => (await post(url, client, body)).status));
    expect(all.sort()).toEqual([...Array(5).fill(202), ...Array(7).fill(429)]);
  });
});
