/**
 * limiter.test.ts starts this process as a node of its own. It spends requests of one client as fast as it can, and prints how
 * many were allowed.
 */
import { once } from "node:events";
import rateLimiter from "../../../services/rateLimiter/rateLimiter.service.ts";
import { startNode } from "../../helpers/nodes.ts";

const [, , url, prefix, limit, calls] = process.argv as [string, string, string, string, string, string];
const broker = await startNode({ services: [rateLimiter], env: { REDIS_URL: url, REDIS_KEY_PREFIX: prefix } });
process.stdout.write("ready\n");
await once(process.stdin, "data");

const params = { clientId: "shared", limit: Number(limit), windowSeconds: 60 };
let passed = 0;
const worker = async () => {
  for (let i = 0; i < Number(calls) / 32; i++) {
    const { allowed } = (await broker.call("rateLimiter.consume", params)) as { allowed: boolean };
    if (allowed) passed++;
  }
};
await Promise.all(Array.from({ length: 32 }, worker));
const { fallbacks } = (await broker.call("rateLimiter.status")) as { fallbacks: number };
process.stdout.write(`${JSON.stringify({ passed, fallbacks })}\n`);
await broker.stop();
process.exit(0);
