/** The servers and packages that a benchmark needs. If some are missing, the benchmark says so, and the others run. */
import { createRequire } from "node:module";
import { connect } from "node:net";
import { root } from "../../root.cjs";
import { rabbitUrl } from "../../test/helpers/amqp.ts";
import { POSTGRES_URL as postgresUrl } from "../../test/helpers/database.ts";
import { mssqlUrl } from "../../test/helpers/mssql.ts";

export const redisUrl = process.env.TEST_REDIS_URL ?? "redis://127.0.0.1:6379";
export { postgresUrl, rabbitUrl };

const servers = {
  redis: { url: redisUrl, port: 6379, variable: "TEST_REDIS_URL" },
  rabbitmq: { url: rabbitUrl, port: 5672, variable: "TEST_AMQP_URL" },
  postgres: { url: postgresUrl, port: 5432, variable: "TEST_POSTGRES_URL" },
  mssql: { url: mssqlUrl(), port: 1433, variable: "TEST_MSSQL_URL" },
};
export type Server = keyof typeof servers;

const PATIENCE_MS = 2_000;

/** Thrown by a benchmark that cannot run here, with the reason. */
export class CannotRun extends Error {
  /** True if a server without a default address is missing, and no variable names one. */
  isExpected = false;
}

export function isThere(server: Server): Promise<boolean> {
  const { url, port } = servers[server];
  if (url === "") return Promise.resolve(false);
  const { hostname, port: own } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(own || port), timeout: PATIENCE_MS });
    const say = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .on("connect", () => say(true))
      .on("timeout", () => say(false))
      .on("error", () => say(false));
  });
}

/** Throws a `CannotRun` that names everything that is missing. */
export async function needs(names: Server[], peers: string[] = []): Promise<void> {
  const missing: string[] = [];
  for (const name of names) if (!(await isThere(name))) missing.push(told(servers[name], name));
  const absent = peers.filter((name) => !isInstalled(name));
  if (absent.length > 0) missing.push(`${absent.join(", ")} not installed: npm install --prefix bench`);
  if (missing.length === 0) return;
  const isExpected = names.some((name) => servers[name].url === "");
  throw Object.assign(new CannotRun(missing.join("; ")), { isExpected });
}

/** The server's address for messages, without the URL's password. */
function told({ url, variable }: (typeof servers)[Server], name: string): string {
  if (url === "") return `${variable} names no ${name}`;
  return `no ${name} answers at ${url.replace(/\/\/[^@/]*@/, "//")} (${variable})`;
}

const fromBench = createRequire(`${root}/bench/package.json`);

function isInstalled(peer: string): boolean {
  try {
    fromBench.resolve(peer);
    return true;
  } catch (error) {
    // A package that only `import` can load is installed too.
    return (error as { code?: string }).code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
  }
}

/** Not a literal `import("…")`, because the type checker would look for a package that only benchmarks install. */
export const peer = <T>(name: string): Promise<T> => import(name) as Promise<T>;
