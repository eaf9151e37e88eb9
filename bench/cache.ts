/** Authenticating a client from each level of the cache against an action under Moleculer's own Redis cacher. */
import { ServiceBroker } from "moleculer";
import type { CacheFigures } from "../mixins/cache.ts";
import clientCache from "../services/clientCache/clientCache.service.ts";
import { needs, redisUrl } from "./kit/needs.ts";
import type { Benchmark } from "./kit/report.ts";
import { compare, keyPrefix, removesKeys, startBroker } from "./redis/compare.ts";

const CLIENTS = 1_024;

/** What `clientCache` asks when a client is made; no part of what is measured. */
const policy = { name: "policy", actions: { check: () => undefined } };
const outbox = { name: "outbox", actions: { publish: () => undefined } };

interface Login {
  identifier: string;
  secret: string;
}

async function newLogins(broker: ServiceBroker): Promise<Login[]> {
  const logins: Login[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const identifier = `bench-client-${i}`;
    const params = { clientIdentifier: identifier, name: "A client of the bench" };
    const { secret } = (await broker.call("clientCache.create", params)) as { secret: string };
    logins.push({ identifier, secret });
  }
  return logins;
}

async function startPeer(answerOf: (login: Login) => Promise<unknown>): Promise<ServiceBroker> {
  const { hostname, port } = new URL(redisUrl);
  const broker = new ServiceBroker({
    logLevel: "warn",
    cacher: {
      type: "Redis",
      options: { prefix: `${keyPrefix}peer:`, ttl: 300, redis: { host: hostname, port: Number(port || 6379) } },
    },
  });
  broker.createService({
    name: "peer",
    actions: {
      find: { cache: { keys: ["identifier"] }, handler: (ctx: { params: Login }) => answerOf(ctx.params) },
    },
  });
  await broker.start();
  // Until then it would not cache, and calls that all stay in the process would never let it connect.
  while (!(broker.cacher as { connected?: boolean } | undefined)?.connected)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return broker;
}

const services = [clientCache, policy, outbox];
const database = { DATABASE_URL: "sqlite::memory:" };

export const cache: Benchmark = async (options) => {
  await needs(["redis"]);
  removesKeys();
  const broker = await startBroker(services, { ...database, LOCAL_CACHE_TTL: "1h" });
  const logins = await newLogins(broker);
  const authenticate = (at: ServiceBroker, login: Login) => at.call("clientCache.authenticate", login);
  const peer = await startPeer((login) => authenticate(broker, login));
  // It knows the clients from Redis alone, and has forgotten each before its turn comes again.
  const forgetful = await startBroker(services, { ...database, LOCAL_CACHE_TTL: "1ms" });
  let turn = 0;
  const next = () => logins[turn++ % CLIENTS] as Login;
  const find = () => peer.call("peer.find", next());
  for (const login of logins) await find().then(() => authenticate(forgetful, login));

  const own = () => authenticate(broker, next());
  const lines = [await compare("from the process", { ours: own, peer: find, atOnce: 1, goal: 20 }, options)];
  const shared = () => authenticate(forgetful, next());
  for (const atOnce of [1, 16, 64])
    lines.push(
      await compare("from Redis", { ours: shared, peer: find, atOnce, goal: atOnce === 1 ? 0.9 : 1 }, options),
    );
  const figures = (await forgetful.call("clientCache.figures")) as CacheFigures;
  await Promise.all([broker, forgetful, peer].map((one) => one.stop()));
  if (figures.local.hits > figures.local.misses / 100) throw new Error("Not from Redis, but from the process.");
  return { title: "cache: clientCache.authenticate against Moleculer's Redis cacher", lines };
};
