/** A DataFlow node as an operator starts it: a start command of package.json, in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "../../root.cjs";
import { startCommand } from "../../test/helpers/bundle.ts";
import { ended, keepTrack, newFolder, removeFolder } from "./places.ts";

export const ADMIN_TOKEN = "a-token-for-benchmarks-of-24-characters-or-more";

export interface DataFlowNode {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

const START_MS = 60_000;

/** The start commands. Each has the line that it prints when it is ready, and the node's URL if it has one. */
const starts = {
  start: /DataFlow listens on (http:\/\/[\w.:]+)/,
  "start:api": /DataFlow listens on (http:\/\/[\w.:]+)/,
  "start:worker": /ServiceBroker with \d+ service\(s\) (started)/,
};

/**
 * Starts a node. `env`: settings beside the database, port and token. `onMessage` gets what a handler of the node sends by IPC.
 * `BENCH_NODE_OPTIONS="--cpu-prof …"` records a profile.
 */
export async function startNode(
  env: Record<string, string> = {},
  command: keyof typeof starts = "start",
  onMessage?: (message: never) => void,
): Promise<DataFlowNode> {
  const folder = newFolder();
  const child = keepTrack(
    spawn("sh", ["-c", startCommand(command)], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit", ...(onMessage ? (["ipc"] as const) : [])],
      env: {
        PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}`,
        NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS ?? "",
        DATABASE_URL: `sqlite:${join(folder, "bench.db")}`,
        PORT: "0",
        ADMIN_TOKEN,
        HANDLERS_DIR: folder,
        LOG_LEVEL: "info",
        LOG_FORMAT: "json",
        ...env,
      },
    }),
  );
  if (onMessage) child.on("message", onMessage as (message: unknown) => void);
  const url = await listening(child, starts[command]);
  return {
    url,
    pid: child.pid as number,
    async stop() {
      child.kill("SIGTERM");
      await ended(child);
      removeFolder(folder);
    },
  };
}

function listening(child: ChildProcess, says: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const give = setTimeout(() => reject(new Error("The node does not listen in time.")), START_MS);
    child.once("exit", (code) => reject(new Error(`The node ended with ${code} before it listened.`)));
    const stdout = child.stdout as NodeJS.ReadableStream;
    const lines = createInterface({ input: stdout }).on("line", (line) => {
      const [, url] = says.exec(line) ?? [];
      if (isFault(line)) console.error(line);
      if (!url) return;
      clearTimeout(give);
      // Stops reading the node's log: a line for each request would cost this process more than the node.
      lines.close();
      stdout.on("data", (bytes) => isFault(bytes) && console.error(bytes.toString())).resume();
      resolve(url);
    });
  });
}

const isFault = (text: Buffer | string): boolean =>
  ["warn", "error", "fatal"].some((level) => text.includes(`"level":"${level}"`));

/**
 * The process's resident memory in bytes, now (`VmRSS`) or its maximum so far (`VmHWM`). The rusage of a child would include its
 * parent's memory.
 */
export function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]);
}

const TICKS_PER_SECOND = 100;

/** The CPU time that a process has used so far, in ms. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Fields after the name, which may contain spaces: state is field 3, utime 14 and stime 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
