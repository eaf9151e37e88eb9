/**
 * Starts DataFlow as its users do: a start command in a process of its own, with a database file of its own, which a test can
 * stop or kill.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { Console } from "node:console";
import { rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PassThrough } from "node:stream";
import { promisify } from "node:util";
import { loadConfig } from "../../config/config.ts";
import { root } from "../../root.cjs";
import { migrate } from "../../scripts/migrate-run.ts";
import { startCommand } from "./bundle.ts";
import { folderForDatabase } from "./folder.ts";
import { until } from "./patience.ts";
import { ADMIN_TOKEN } from "./system.ts";
import { copyTemplate } from "./template.ts";

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Milliseconds from the signal (or the start) to the end. */
  ms: number;
}

export interface RunningProcess {
  url: string;
  pid: number;
  /** All that the process has written to stdout and stderr. */
  logs(): string;
  exited: Promise<Exit>;
  /** Sends the signal, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

/** Makes a folder for handlers, with an empty migrated database. The caller has to `remove` it. */
export function temporaryFolder() {
  const folder = folderForDatabase();
  const file = join(folder, "test.db");
  copyTemplate(file);
  return {
    folder,
    file,
    databaseUrl: `sqlite:${file}`,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const peeker = `const { DatabaseSync } = require("node:sqlite");
const [file, sql] = process.argv.slice(1);
const statement = new DatabaseSync(file, { readOnly: true, timeout: 5000 }).prepare(sql);
const look = () => Object.values(statement.get())[0] === 1 || setTimeout(look, 20);
look();`;

/**
 * Waits until a query answers 1 on the file of a running process. Another process runs the query, because SQLite's lock keeps
 * this one out.
 */
export async function untilFile({ file }: { file: string }, sql: string, ms?: number): Promise<void> {
  const node = join(root, "node_modules/.bin/node");
  const given = new AbortController();
  const { signal } = given;
  let hasEnded = false;
  const looking = promisify(execFile)(node, ["-e", peeker, file, sql], { signal, killSignal: "SIGKILL" }).finally(
    () => {
      hasEnded = true;
    },
  );
  const answered = Promise.all([looking, until(() => hasEnded, sql, ms)]);
  await answered.finally(() => given.abort());
}

const alive = new Set<ChildProcess>();

/** Ends the processes that a failed test has left running. It ends only processes that this file has started. */
export function killLeftOvers(): void {
  for (const child of alive) child.kill("SIGKILL");
}

/**
 * Starts the process without waiting for it. Settings that it needs beside `env` are added: a free port, and the operators'
 * token.
 */
export function launch(env: Record<string, string>, script = "start") {
  const beganAt = performance.now();
  const command = startCommand(script);
  const child = spawn("sh", ["-c", command], { cwd: root, env: environment(env), stdio: ["ignore", "pipe", "pipe"] });
  alive.add(child);
  let text = "";
  const listeners = new Set<() => void>();
  const take = (data: Buffer) => {
    text += data;
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const exited = new Promise<Exit>((resolve) => {
    child.once("close", (code, signal) => {
      alive.delete(child);
      resolve({ code, signal, ms: performance.now() - beganAt });
    });
  });
  return { child, exited, logs: () => text, listeners };
}

/** Waits for the end of a process that cannot start. Answers its exit code and its output. */
export async function startsInVain(env: Record<string, string>, script?: string): Promise<Exit & { logs: string }> {
  const { exited, logs } = launch(env, script);
  return { ...(await exited), logs: logs() };
}

/**
 * Runs `npm run migrate` with these settings, and answers its output and exit code. It runs in this process, because a start
 * costs a second of CPU time.
 */
export async function migratedHere(env: Record<string, string>): Promise<{ code: number; logs: string }> {
  const said = new PassThrough();
  const code = await migrate(loadConfig(environment(env)), new Console(said, said));
  return { code, logs: String(said.read() ?? "") };
}

/** Starts a node, and waits until /health/ready answers 200. */
export async function startProcess(env: Record<string, string>, script?: string): Promise<RunningProcess> {
  const launched = launch(env, script);
  const url = await said(launched, /DataFlow listens on (http:\/\/[^"\s]+)/);
  await untilReady(url, launched.exited, launched.logs);
  return running(launched, url);
}

/** Starts a node without an API, and waits until its services have started. */
export async function startWorker(env: Record<string, string>): Promise<RunningProcess> {
  const launched = launch(env, "start:worker");
  await said(launched, /ServiceBroker with \d+ service\(s\) (started)/);
  return running(launched, "");
}

/** Waits for a line of output that matches the expression, and answers its first group. */
function said({ listeners, logs, exited }: ReturnType<typeof launch>, expression: RegExp): Promise<string> {
  const found = new Promise<string>((resolve) => {
    const look = () => {
      const [, text] = expression.exec(logs()) ?? [];
      if (!text) return;
      listeners.clear();
      resolve(text);
    };
    listeners.add(look);
    look();
  });
  const failed = exited.then((exit) =>
    Promise.reject(new Error(`It ended (${JSON.stringify(exit)}) before it said ${expression}:\n${logs()}`)),
  );
  return Promise.race([found, failed]);
}

function running({ child, exited, logs }: ReturnType<typeof launch>, url: string): RunningProcess {
  return {
    url,
    pid: child.pid as number,
    logs,
    exited,
    async stop(signal = "SIGTERM") {
      const sentAt = performance.now();
      child.kill(signal);
      return { ...(await exited), ms: performance.now() - sentAt };
    },
  };
}

async function untilReady(url: string, exited: Promise<Exit>, logs: () => string): Promise<void> {
  let hasEnded = false;
  exited.then(() => {
    hasEnded = true;
  });
  for (;;) {
    const status = await fetch(`${url}/health/ready`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    if (hasEnded) throw new Error(`It ended before it was ready:\n${logs()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The environment of the process, without the developer's own settings. It uses the same Node as npm would. */
function environment(env: Record<string, string>): Record<string, string> {
  const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const { NODE_COMPILE_CACHE = "" } = process.env;
  // No schema, because the statements of tests use plain table names.
  const fixed = { PORT: "0", ADMIN_TOKEN, LOG_FORMAT: "json", DATABASE_SCHEMA: "none" };
  return { PATH: path, NODE_COMPILE_CACHE, ...fixed, ...env };
}
