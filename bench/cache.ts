/** Authenticates a client from each level of the cache, compared with an action under Moleculer's own Redis cacher. */
import { timingSafeEqual } from "node:crypto";
import { ServiceBroker } from "moleculer";
import type { CacheFigures } from "../mixins/cache.ts";
import { hashOf } from "../services/clientCache/clientCache.known.ts";
import clientCache from "../services/clientCache/clientCache.service.ts";
import { needs, redisUrl } from "./kit/needs.ts";
import type { Benchmark } from "./kit/report.ts";
import { compare, keyPrefix, removesKeys, startBroker } from "./redis/compare.ts";

const CLIENTS = 1_024;

/** The actions that `clientCache` calls to create a client. They are not measured. */
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
  // Moleculer's cacher does nothing before it is connected. Calls within the process never yield, so the loop has to wait for it.
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
  const peer = await startPeer(async (login) => {
    const client = await authenticate(broker, login);
    return { ...(client as object), secretHash: hashOf(login.secret).toString("hex") };
  });
  // This node finds clients only in Redis: an entry of its local cache expires before the same client is asked for again.
  const forgetful = await startBroker(services, { ...database, LOCAL_CACHE_TTL: "1ms" });
  let turn = 0;
  const next = () => logins[turn++ % CLIENTS] as Login;
  const find = () => peer.call("peer.find", next());
  /** Finds the client, and checks the secret as a login does after a cache hit. */
  const findAndCheck = async () => {
    const login = next();
    const { secretHash, ...client } = (await peer.call("peer.find", login)) as { secretHash: string };
    return timingSafeEqual(hashOf(login.secret), Buffer.from(secretHash, "hex")) ? client : null;
  };
  for (const login of logins) await find().then(() => authenticate(forgetful, login));

  const own = () => authenticate(broker, next());
  const lines = [await compare("from the process", { ours: own, peer: find, atOnce: 1, goal: 20 }, options)];
  const shared = () => authenticate(forgetful, next());
  for (const atOnce of [1, 16, 64])
    lines.push(
      await compare("from Redis", { ours: shared, peer: find, atOnce, goal: atOnce === 1 ? 0.9 : 1 }, options),
    );
  const sameWork = { ours: shared, peer: findAndCheck, atOnce: 1, goal: 0.9 };
  lines.push(await compare("from Redis, the peer hashes and compares too", sameWork, options));
  const figures = (await forgetful.call("clientCache.figures")) as CacheFigures;
  await Promise.all([broker, forgetful, peer].map((one) => one.stop()));
  if (figures.local.hits > figures.local.misses / 100) throw new Error("Not from Redis, but from the process.");
  return { title: "cache: clientCache.authenticate against Moleculer's Redis cacher", lines };
};
