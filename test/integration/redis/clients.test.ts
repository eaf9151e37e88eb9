import { randomUUID } from "node:crypto";
import { call } from "../../../services/messages.ts";
import { newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { describeRedis, freshPrefix, looker, type RedisServer, redisUrl, startRedis } from "../../helpers/redis.ts";
import { type System, startSystem } from "../../helpers/system.ts";

describeRedis("clients and policies in Redis", () => {
  let prefix: string;
  let look: ReturnType<typeof looker>;
  let system: System;
  let server: RedisServer | null = null;

  beforeEach(() => {
    prefix = freshPrefix();
    look = looker(prefix);
  });
  afterEach(async () => {
    await system.stop();
    await server?.remove();
    server = null;
    await look.end();
  });
  const start = async (env: Record<string, string> = {}) => {
    // Values stay in the process only briefly, so that each request shows what is in Redis.
    const settings = { REDIS_URL: redisUrl, REDIS_KEY_PREFIX: prefix, LOCAL_CACHE_TTL: "1ms", ...env };
    system = await startSystem({ env: settings });
  };
  const statusOf = async (auth: string) =>
    (await fetch(`${system.url}/imports`, { headers: { authorization: auth } })).status;
  const figures = () => call(system.broker, "clientCache.figures", {});

  test("Redis holds a client by its identifier and its policy by its id, with a TTL and without secrets", async () => {
    await start();
    const client = await newClient(system.url);
    expect(await statusOf(client.auth)).toBe(200);
    const key = `${prefix}cache:client:identifier:${client.identifier}`;
    await until(async () => (await look.redis.exists(key)) === 1, "the client is in Redis");
    expect(await look.redis.get(key)).not.toContain(client.secret);
    expect(await look.redis.pttl(key)).toBeGreaterThan(290_000);
    const [policy] = await look.redis.keys(`${prefix}cache:policy:current:*`);
    expect(await look.redis.pttl(policy as string)).toBeGreaterThan(590_000);
    expect(await statusOf(client.auth)).toBe(200);
    await until(async () => (await statusOf(client.auth)) === 200 && ((await figures()).redis?.hits ?? 0) > 0, "hits");
  });

  test("a disabled client and a revoked secret are refused once the operator has the answer", async () => {
    await start();
    const client = await newClient(system.url);
    expect(await statusOf(client.auth)).toBe(200);
    await call(system.broker, "clientCache.update", { publicId: client.id, status: "disabled" });
    expect(await statusOf(client.auth)).toBe(403);
    await call(system.broker, "clientCache.update", { publicId: client.id, status: "active" });
    const { secret } = await call(system.broker, "clientCache.rotateSecret", { publicId: client.id, graceSeconds: 0 });
    expect(await statusOf(client.auth)).toBe(401);
    const auth = `Basic ${Buffer.from(`${client.identifier}:${secret}`).toString("base64")}`;
    expect(await statusOf(auth)).toBe(200);
    const changes = Array.from({ length: 10 }, (_, i) =>
      call(system.broker, "clientCache.update", { publicId: client.id, name: `name-${i}` }),
    );
    await Promise.all(changes);
    const { version, name } = (await call(system.broker, "clientCache.get", { publicId: client.id })) ?? {};
    const stored = (await look.redis.get(`${prefix}cache:client:publicId:${client.id}`)) as string;
    expect(stored).toMatch(new RegExp(`^${version}:.*"name":"${name}"`));
  });

  test("a changed policy holds for the next request", async () => {
    await start();
    const { id, auth } = await newClient(system.url);
    const limit = async () =>
      (await fetch(`${system.url}/imports`, { headers: { authorization: auth } })).headers.get("ratelimit-policy");
    expect(await limit()).toBe('"requests";q=1000000;w=60');
    const client = await call(system.broker, "clientCache.get", { publicId: id });
    const document = { rate: { requests: 7, windowSeconds: 30 } };
    await call(system.broker, "policy.change", { clientId: client?.id as number, mode: "patch", document });
    expect(await limit()).toBe('"requests";q=7;w=30');
  });

  test("Redis dies and returns under requests: each is answered, and an unknown client stays unknown", async () => {
    server = await startRedis();
    await start({ REDIS_URL: server.url });
    const client = await newClient(system.url);
    const nobody = `Basic ${Buffer.from(`${randomUUID()}:x`).toString("base64")}`;
    expect(await statusOf(client.auth)).toBe(200);
    const ready = async () => (await fetch(`${system.url}/health/ready`)).json();
    expect(await ready()).toMatchObject({ status: "ok", checks: { redis: { status: "up" } } });
    await server.kill();
    // The node checks this at most once a second.
    await until(async () => ((await ready()) as { status: string }).status === "degraded", "Redis counts as away");
    expect(await ready()).toMatchObject({ status: "degraded", checks: { redis: { status: "down" } } });
    for (let i = 0; i < 10; i++) expect(await statusOf(client.auth)).toBe(200);
    expect((await figures()).redis?.fallbacks).toBeGreaterThan(0);
    await call(system.broker, "clientCache.update", { publicId: client.id, status: "disabled" });
    expect(await statusOf(client.auth)).toBe(403);
    await server.start();
    const { hits = 0 } = (await figures()).redis ?? {};
    await until(async () => {
      expect(await statusOf(client.auth)).toBe(403);
      return ((await figures()).redis?.hits ?? 0) > hits;
    }, "Redis serves again");
    expect(await statusOf(nobody)).toBe(401);
    // A caller that waited for Redis would wait for ever.
    server.freeze();
    expect(await statusOf(client.auth)).toBe(403);
  });
});
