/** Redis for tests: the shared one, servers of the test's own that it may kill, and a proxy that cuts and freezes links. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./port.ts";
import { canRun, lackOf, urlOf } from "./servers.ts";

export const redisUrl = urlOf("redis");

/** The host and port of Redis, for a proxy in front. */
export const redisTarget = { host: new URL(redisUrl).hostname, port: Number(new URL(redisUrl).port || 6379) };

const hasServer = () => spawnSync("redis-server", ["--version"]).status === 0;

/**
 * Runs a suite if Redis answers and its server can be started. Otherwise it is skipped with a message; with CI=true that is an
 * error.
 */
export function describeRedis(name: string, suite: () => void): void {
  const isRunnable = canRun(name, [lackOf("redis"), hasServer() ? null : "redis-server in PATH"]);
  (isRunnable ? describe : describe.skip)(name, () => {
    // Connections that a failed test leaves open would keep Jest from ending.
    afterAll(() => Promise.all([...open].map((end) => end())));
    suite();
  });
}

const open = new Set<() => Promise<void>>();

let prefixes = 0;
/** A key prefix that no other test uses. */
export const freshPrefix = () => `test-${process.pid}-${Date.now()}-${++prefixes}:`;

/** A client that reads Redis for a test. At its end it removes all keys with `prefix`. */
export function looker(prefix: string) {
  const redis = new Redis(redisUrl);
  return {
    redis,
    async end() {
      const keys = await redis.keys(`${prefix}*`);
      if (keys.length > 0) await redis.del(keys);
      redis.disconnect();
    },
  };
}

export interface RedisServer {
  url: string;
  port: number;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** Starts the server again on the same port, empty. */
  start(): Promise<void>;
  /** Kills the server and removes its folder. */
  remove(): Promise<void>;
}

export async function startRedis(...args: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-redis-"));
  const port = await freePort();
  let child: ChildProcess | null = null;
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    async start() {
      const options = ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder, ...args];
      child = spawn("redis-server", options, { stdio: "ignore" });
      await answering(port);
    },
    async kill() {
      const dying = child;
      child = null;
      if (!dying) return;
      const gone = once(dying, "exit");
      dying.kill("SIGKILL");
      await gone;
    },
    async remove() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  open.add(server.remove);
  await server.start();
  return server;
}

async function answering(port: number): Promise<void> {
  const redis = new Redis(port, "127.0.0.1", { retryStrategy: () => 20 });
  redis.on("error", () => {});
  await redis.ping();
  redis.disconnect();
}

/** A proxy to Redis. A test can cut it (connections end, new ones are refused) or freeze it (no byte passes). */
export async function redisProxy(target = redisUrl) {
  const { hostname, port } = new URL(target);
  const pairs = new Set<[Socket, Socket]>();
  let isFrozen = false;
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port || 6379) });
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    if (isFrozen) for (const socket of pair) socket.pause();
    else {
      near.pipe(far);
      far.pipe(near);
    }
    for (const socket of pair)
      socket
        .on("error", () => {})
        .on("close", () => {
          for (const one of pair) one.destroy();
          pairs.delete(pair);
        });
  });
  const own = await freePort();
  const listen = async () => {
    server.listen(own, "127.0.0.1");
    await once(server, "listening");
  };
  await listen();
  const endAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  open.add(async () => cut());
  const cut = async () => {
    const closed = server.listening ? once(server, "close") : null;
    server.close();
    endAll();
    await closed;
  };
  return {
    url: `redis://127.0.0.1:${own}`,
    cut,
    mend: listen,
    freeze() {
      isFrozen = true;
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    /** Frozen connections stay frozen. New ones work. */
    thaw() {
      isFrozen = false;
    },
    end: cut,
  };
}
