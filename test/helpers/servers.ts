/**
 * Finds the servers for the tests: at the URL of TEST_…_URL, else at the standard local port, else in a container if Docker runs.
 * It looks once, before all tests. An environment variable tells the tests which servers are missing.
 */
import { existsSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";

export interface ServerKind {
  name: string;
  /** The variable that names another server. */
  variable: string;
  /** The default URL of a local server. Not set if nobody can know its password. */
  local?: string;
  container: { image: string; port: number; env: Record<string, string>; log: RegExp; url(at: string): string };
}

/** The kinds of servers, as in docker-compose.yml. */
export const serverKinds = {
  redis: {
    name: "Redis",
    variable: "TEST_REDIS_URL",
    local: "redis://127.0.0.1:6379",
    container: {
      image: "redis:7.4.5-alpine",
      port: 6379,
      env: {},
      log: /Ready to accept connections/,
      url: (at) => `redis://${at}`,
    },
  },
  rabbit: {
    name: "RabbitMQ",
    variable: "TEST_AMQP_URL",
    local: "amqp://guest:guest@127.0.0.1:5672",
    container: {
      image: "rabbitmq:4.1.4-alpine",
      port: 5672,
      env: {},
      log: /Server startup complete/,
      url: (at) => `amqp://guest:guest@${at}`,
    },
  },
  postgres: {
    name: "PostgreSQL",
    variable: "TEST_POSTGRES_URL",
    local: "postgres://postgres@127.0.0.1:5432/test",
    container: {
      image: "postgres:17.5-alpine",
      port: 5432,
      env: { POSTGRES_DB: "test", POSTGRES_HOST_AUTH_METHOD: "trust" },
      // In its set-up phase PostgreSQL logs that it is ready, too, and then restarts. Only the final start logs this line.
      log: /listening on IPv4 address "0\.0\.0\.0"/,
      url: (at) => `postgres://postgres@${at}/test`,
    },
  },
  mssql: {
    name: "SQL Server",
    variable: "TEST_MSSQL_URL",
    container: {
      image: "mcr.microsoft.com/mssql/server:2022-CU20-ubuntu-22.04",
      port: 1433,
      env: { ACCEPT_EULA: "Y", MSSQL_PID: "Developer", MSSQL_SA_PASSWORD: "Only4Tests" },
      log: /Recovery is complete/,
      url: (at) => `mssql://sa:Only4Tests@${at}/master?trustServerCertificate=true`,
    },
  },
} satisfies Record<string, ServerKind>;
export type ServerName = keyof typeof serverKinds;

/** The variable with the names of missing servers, separated by commas. The global setup writes it, and tests read it. */
const MISSING = "TEST_SERVERS_MISSING";
const PATIENCE_MS = 1_000;

type Env = Record<string, string | undefined>;

/** The server's URL for the tests. Empty if the server is missing. */
export function urlOf(name: ServerName, env: Env = process.env): string {
  const { variable, local = "" }: ServerKind = serverKinds[name];
  return env[variable] ?? local;
}

/** Whether a server accepts connections at this URL. */
export function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const standard = Object.values(serverKinds).find(({ container }) =>
    container.url("at").startsWith(`${url.split(":")[0]}:`),
  );
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) || (standard?.container.port ?? 0) });
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.setTimeout(PATIENCE_MS, () => end(false));
    socket.once("connect", () => end(true)).once("error", () => end(false));
  });
}

/** Whether a Docker engine answers. It does not load Docker's library, and is cheap if there is no engine. */
export function dockerAnswers(env: Env = process.env): Promise<boolean> {
  const { DOCKER_HOST: host } = env;
  // Only the library can ask an engine over TCP or SSH, so the engine is assumed to answer.
  if (host && !host.startsWith("unix://")) return Promise.resolve(true);
  const socketPath = host?.slice("unix://".length) ?? "/var/run/docker.sock";
  if (!existsSync(socketPath)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: "/_ping", timeout: PATIENCE_MS }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.once("timeout", () => asked.destroy()).once("error", () => resolve(false));
    asked.end();
  });
}

/** Starts a server in a container, and answers its URL. Null if there is no Docker. */
export type Start = (kind: ServerKind) => Promise<string | null>;

/**
 * Looks for all servers. Writes their URLs, and the names of missing ones, into `env`. It never replaces a URL that was given.
 */
export async function findServers(env: Env, start: Start, kinds: Record<string, ServerKind> = serverKinds) {
  const look = async ([name, kind]: [string, ServerKind]): Promise<string[]> => {
    const given = env[kind.variable];
    const at = given ?? kind.local;
    if (at && (await listens(at))) return [];
    const started = given === undefined ? await start(kind) : null;
    if (started === null) return [name];
    env[kind.variable] = started;
    return [];
  };
  const missing = (await Promise.all(Object.entries(kinds).map(look))).flat();
  env[MISSING] = missing.join(",");
}

/** The message for tests that need a missing server. Null if the server is there. */
export function lackOf(name: ServerName, env: Env = process.env): string | null {
  const { name: label, variable } = serverKinds[name];
  if (!(env[MISSING] ?? "").split(",").includes(name)) return null;
  const url = urlOf(name, env);
  return `a ${label}${url && ` at ${url.replace(/\/\/[^@/]*@/, "//")}`} (${variable}), or Docker`;
}

/**
 * Whether tests can run. `lacks`: what each requirement lacks (null: nothing). A message names what is missing; with CI=true that
 * is an error.
 */
export function canRun(tests: string, lacks: (string | null)[], env: Env = process.env): boolean {
  const missing = lacks.filter((lack) => lack !== null).join(" and ");
  if (!missing) return true;
  if (env.CI === "true") throw new Error(`"${tests}" needs ${missing}.`);
  console.warn(`SKIPPED "${tests}": it needs ${missing}.`);
  return false;
}
