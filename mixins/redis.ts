import type { ServiceBroker } from "moleculer";
import { ConfigError, configOf } from "../config/config.ts";
import { RedisLink } from "../lib/redis/link.ts";
import { define, fields } from "./define.ts";

interface Shared {
  link: RedisLink;
  users: number;
}

/** How long a start waits for Redis. After that the node runs without it until it comes. */
const START_PATIENCE_MS = 1_000;

/** One connection for each server; the node's services share it. */
const shared = new WeakMap<ServiceBroker, Map<string, Shared>>();

/** The node's connection to `url`. The first user opens it. Each user gives it back by `releaseLink`. */
export function acquireLink(broker: ServiceBroker, url: string): RedisLink {
  const links = shared.get(broker) ?? new Map<string, Shared>();
  shared.set(broker, links);
  const entry = links.get(url) ?? { link: openLink(broker, url), users: 0 };
  links.set(url, entry);
  entry.users++;
  return entry.link;
}

export function releaseLink(broker: ServiceBroker, url: string): void {
  const links = shared.get(broker);
  const entry = links?.get(url);
  if (!links || !entry || --entry.users > 0) return;
  links.delete(url);
  entry.link.close();
}

/**
 * Waits at the start for all links, up to `START_PATIENCE_MS`. A server that is away may come later. A server that refuses the
 * login or is no Redis is a wrong setting, and this throws ConfigError.
 */
export async function untilLinksUp(broker: ServiceBroker, links: readonly RedisLink[]): Promise<void> {
  await Promise.all(links.map((link) => link.untilUp(START_PATIENCE_MS)));
  const { redisUrl } = configOf(broker);
  const nameOf = (link: RedisLink) => (redisUrl && link.isAt(redisUrl) ? "REDIS_URL" : "REDIS_LOCK_NODES");
  const told = await Promise.all(links.map(async (link) => ({ name: nameOf(link), fault: await link.fault() })));
  const faults = told.flatMap(({ name, fault }) => (fault ? [{ name, ...fault }] : []));
  if (faults.length > 0) throw new ConfigError(faults);
}

function openLink(broker: ServiceBroker, url: string): RedisLink {
  return new RedisLink({ url, keyPrefix: configOf(broker).redisKeyPrefix, logger: broker.getLogger("redis") });
}

/** Gives a service `this.redis`. A service starts also while Redis is away. */
export const redisMixin = define({
  /** Null without REDIS_URL. */
  state: fields<{ redis: RedisLink | null }>(),
  created() {
    this.redis = null;
  },
  async started() {
    const { redisUrl } = configOf(this.broker);
    if (!redisUrl) return;
    this.redis = acquireLink(this.broker, redisUrl);
    await untilLinksUp(this.broker, [this.redis]);
  },
  async stopped() {
    const { redisUrl } = configOf(this.broker);
    if (this.redis && redisUrl) releaseLink(this.broker, redisUrl);
    this.redis = null;
  },
});
