import { Redis } from "ioredis";
import { redisUrl } from "./needs.ts";

/** Removes all keys with this prefix; there is no other way to clear what is shared with others. */
export async function removeKeys(prefix: string): Promise<void> {
  const redis = new Redis(redisUrl);
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }))
    if (keys.length > 0) await redis.del(keys);
  redis.disconnect();
}
