/**
 * The promise: guessing is slow and reveals nothing, the guesses of one address do not count for another, and valid logins always
 * succeed.
 */
import { addressOf } from "../../../services/api/http/address.ts";
import { FailedLogins } from "../../../services/api/http/logins.ts";
import { problem } from "../contracts/kit.ts";

const from = (remoteAddress: string, forwarded?: string) => ({
  socket: { remoteAddress },
  headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded },
});
const headers = { "WWW-Authenticate": "Basic" };
const refusal = (failed: FailedLogins, address: string) =>
  failed.refuse(from(address), headers).catch((error: unknown) => error);

/** Makes more failures at once than an address may have in a minute. */
const exhaust = (failed: FailedLogins, address: string) =>
  Promise.all(Array.from({ length: 100 }, () => refusal(failed, address)));

async function timed<T>(work: () => Promise<T>) {
  const beganAt = performance.now();
  const value = await work();
  return { value, ms: performance.now() - beganAt };
}

describe("failed logins", () => {
  afterEach(() => jest.restoreAllMocks());

  test("failed logins of an address are counted for a minute; beyond 100 they get 429", async () => {
    const clock = jest.spyOn(performance, "now").mockReturnValue(0);
    const failed = new FailedLogins();
    for (const refused of await exhaust(failed, "192.0.2.1"))
      expect(refused).toEqual(problem("unauthenticated", { headers }));
    clock.mockReturnValue(20_000);
    expect(await refusal(failed, "192.0.2.1")).toEqual(
      problem("too-many-failed-logins", { headers: { "Retry-After": "40" } }),
    );
    expect(await refusal(failed, "192.0.2.2")).toEqual(problem("unauthenticated"));
    clock.mockReturnValue(60_000);
    expect(await refusal(failed, "192.0.2.1")).toEqual(problem("unauthenticated"));
  });

  test("a refusal is sent no sooner than 50 ms after its request, however long the lookup took", async () => {
    const failed = new FailedLogins();
    for (const lookMs of [0, 20, 45]) {
      const { ms } = await timed(async () => {
        const beganAt = performance.now();
        await new Promise((resolve) => setTimeout(resolve, lookMs));
        await failed.refuse(from("192.0.2.1"), headers, beganAt).catch(() => {});
      });
      expect(ms).toBeGreaterThanOrEqual(49);
    }
  });

  test("beyond 100 a bounded number of refusals wait a second; the rest lose their connection", async () => {
    const failed = new FailedLogins();
    await exhaust(failed, "192.0.2.1");
    const order: string[] = [];
    const isClosed = (value: unknown) => "Connection" in (value as { data: { headers: object } }).data.headers;
    const guesses = Array.from({ length: 30 }, async () => {
      const guess = await timed(() => refusal(failed, "192.0.2.1"));
      order.push(isClosed(guess.value) ? "closed" : "slow");
      return guess;
    });
    const other = refusal(failed, "192.0.2.2").finally(() => order.push("other"));
    const answered = await Promise.all(guesses);
    for (const { value } of answered) expect(value).toEqual(problem("too-many-failed-logins"));
    expect(await other).toEqual(problem("unauthenticated"));
    // Only the delayed refusals come a second later.
    expect(order.toSorted()).toEqual([...Array(20).fill("closed"), "other", ...Array(10).fill("slow")]);
    expect(order.slice(-10)).toEqual(Array(10).fill("slow"));
    for (const { value, ms } of answered) if (!isClosed(value)) expect(ms).toBeGreaterThanOrEqual(999);
    // The places of the waiting refusals are free again.
    expect((await timed(() => refusal(failed, "192.0.2.1"))).ms).toBeGreaterThanOrEqual(999);
  });

  test("an IPv6 network counts as one address", async () => {
    const failed = new FailedLogins();
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => refusal(failed, `2001:db8:1:2:${i.toString(16)}::${i.toString(16)}`)),
    );
    expect(await refusal(failed, "2001:db8:1:2:ffff::1")).toEqual(problem("too-many-failed-logins"));
    expect(await refusal(failed, "2001:db8:1:3::1")).toEqual(problem("unauthenticated"));
  });
});

describe("the address of a request", () => {
  const trusted = ["10.0.0.0/8", "192.0.2.7", "2001:db8:ff::/48"];

  test.each([
    ["without the header it is the peer's", "203.0.113.5", undefined, "203.0.113.5"],
    ["nobody else's header is believed", "203.0.113.5", "198.51.100.1", "203.0.113.5"],
    ["a trusted proxy's is", "10.1.2.3", "198.51.100.1", "198.51.100.1"],
    ["also of one that is a mapped IPv4 address", "::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"],
    [
      "what a client wrote before its proxy counts for nothing",
      "10.1.2.3",
      "10.9.9.9, 1.1.1.1, 198.51.100.1",
      "198.51.100.1",
    ],
    [
      "several proxies are gone through from the right",
      "10.1.2.3",
      "1.1.1.1, 198.51.100.1,192.0.2.7 , 10.0.0.1",
      "198.51.100.1",
    ],
    ["where all are trusted it is the first one", "10.1.2.3", "10.0.0.9, 10.0.0.1", "10.0.0.9"],
    ["ports are left out", "10.1.2.3", "198.51.100.1:5000", "198.51.100.1"],
    ["an IPv6 proxy", "2001:db8:ff::1", "198.51.100.1", "198.51.100.1"],
    ["an IPv6 client is its network", "10.1.2.3", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["in brackets too", "10.1.2.3", "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"],
    ["and as the peer", "2001:db8:1:2::9", undefined, "2001:db8:1:2::/64"],
    ["a mapped IPv4 client is the IPv4 one", "10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"],
    ["garbage is the peer's", "10.1.2.3", "unknown", "10.1.2.3"],
    ["and so is garbage behind a proxy", "10.1.2.3", "198.51.100.1, 10.0.0.1, <script>", "10.1.2.3"],
    ["garbage before the address that counts is not looked at", "10.1.2.3", "garbage, 198.51.100.1", "198.51.100.1"],
    ["an empty one", "10.1.2.3", "", "10.1.2.3"],
    ["an empty entry", "10.1.2.3", "198.51.100.1,", "10.1.2.3"],
    ["a short form of an address is none", "10.1.2.3", "1", "10.1.2.3"],
    ["a name is none", "10.1.2.3", "localhost", "10.1.2.3"],
  ])("%s", (_what, peer, header, address) => {
    expect(addressOf(from(peer, header), trusted)).toBe(address);
  });

  test("by default no proxy is trusted", () => {
    expect(addressOf(from("10.1.2.3", "198.51.100.1"), [])).toBe("10.1.2.3");
  });
});
