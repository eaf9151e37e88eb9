/** The promise: guessing logins reveals nothing, and guesses are counted by the right address. */
import type { WithCache } from "../../mixins/cache.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import { get, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;
let url: string;
let client: TestClient;
beforeAll(async () => {
  system = await startSystem({ env: { TRUSTED_PROXIES: "127.0.0.1", LOG_LEVEL: "fatal" } });
  ({ url } = system);
  client = await newClient(url);
});
afterAll(() => system.stop());
afterEach(() => jest.restoreAllMocks());

const basic = (identifier: string, secret: string) =>
  `Basic ${Buffer.from(`${identifier}:${secret}`).toString("base64")}`;
/** A login through the trusted proxy, whose part the test plays. */
const login = (address: string, auth: string) =>
  get(url, { ...client, auth }, "/policy", { "x-forwarded-for": address });

/** Less than the database's 25 ms, so a lookup would show. */
const MOST_SPREAD_MS = 12;

test("the time of a refusal does not show whether an identifier exists", async () => {
  const { models } = (system.broker.getLocalService("clientCache") as unknown as WithDatabase).database;
  const service = system.broker.getLocalService("clientCache") as unknown as WithCache<never>;
  const read = models.Client.findOne.bind(models.Client);
  // A slow database. Only unknown identifiers and expired ones need a lookup.
  jest.spyOn(models.Client, "findOne").mockImplementation(async (options) => {
    await new Promise((resolve) => setTimeout(resolve, 25));
    return read(options as never);
  });
  const ways = {
    "known, first": () => [client.identifier, true] as const,
    "known, again": () => [client.identifier, false] as const,
    "unknown, first": (i: number) => [`nobody-${i}`, false] as const,
    "unknown, again": () => ["nobody", false] as const,
  };
  const times = Object.fromEntries(Object.keys(ways).map((way) => [way, [] as number[]]));
  // A busy machine can delay a refusal, but never make one faster.
  const shortest = () => Object.values(times).map((of) => Math.min(...of));
  const spread = () => Math.max(...shortest()) - Math.min(...shortest());
  // So with enough tries each kind of login shows its shortest time. A kind with a lookup would never be as short as the others.
  for (let i = 0; i < 20 || (i < 200 && spread() >= MOST_SPREAD_MS); i++)
    for (const [way, of] of Object.entries(ways)) {
      const [identifier, isForgotten] = of(i);
      if (isForgotten) service.flushCache();
      const beganAt = performance.now();
      // Each login comes from another address, because a hundred from one address would be slowed down.
      const { status } = await login(`198.51.100.${i}`, basic(identifier, "wrong"));
      times[way]?.push(performance.now() - beganAt);
      expect(status).toBe(401);
    }
  expect(Math.min(...shortest())).toBeGreaterThanOrEqual(49);
  expect(spread()).toBeLessThan(MOST_SPREAD_MS);
});

test("failed logins count by the address behind the proxy, and valid credentials are accepted from it", async () => {
  const wrong = basic(client.identifier, "wrong");
  const guesses = await Promise.all(Array.from({ length: 100 }, () => login("203.0.113.1", wrong)));
  expect(new Set(guesses.map(({ status }) => status))).toEqual(new Set([401]));
  const refused = await login("203.0.113.1", wrong);
  expect([refused.status, await refused.json()]).toMatchObject([429, { code: "too-many-failed-logins" }]);
  // A client that adds addresses of its own is identified by the address that the proxy adds after them.
  expect((await login("192.0.2.9, 203.0.113.1", wrong)).status).toBe(429);
  expect((await login("203.0.113.1, 192.0.2.9", wrong)).status).toBe(401);
  expect((await login("203.0.113.1", client.auth)).status).toBe(200);
  const admin = await fetch(`${url}/admin/stats`, {
    headers: { authorization: "Bearer wrong", "x-forwarded-for": "203.0.113.1" },
  });
  expect(admin.status).toBe(429);
});
