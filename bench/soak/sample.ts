/** Takes the samples of a soak every ten seconds: the processes, the servers, and the work done so far. */
import { readdirSync, readlinkSync } from "node:fs";
import { loadavg } from "node:os";
import { cpuOf, type DataFlowNode, memoryOf } from "../kit/node.ts";
import { median } from "../kit/report.ts";
import { megabytes } from "../kit/sizes.ts";
import type { Books } from "./books.ts";
import { CONTROL, OVERDUE_BATCHES, OVERDUE_RECORDS, type Point, type Recording } from "./series.ts";
import type { Servers } from "./servers.ts";
import type { Single } from "./single.ts";

/** A node of the soak, the URL of its metrics, and the last message of its probe. */
export interface Watched {
  name: string;
  role: "api" | "worker" | "single";
  node: DataFlowNode;
  metrics: string;
  told: Told | null;
}

export interface Told {
  heap: number;
  external: number;
  timers: number;
  handles: number;
}

export interface Looked {
  /** The cluster's nodes. */
  watched: Watched[];
  single: Single;
  servers: Servers;
  books: Books;
  recording: Recording;
}

/** Adds one sample of every figure to the recording. Answers a line that sums it up. */
export async function takeSample(looked: Looked): Promise<string> {
  const { watched, single, books, recording } = looked;
  const at = books.at();
  const note = recording.note.bind(recording);
  const said: string[] = [];
  for (const { name, node, told } of [...watched, single.watched]) {
    const memory = note("memory", `${name}: resident memory`, at, megabytes(memoryOf(node.pid, "VmRSS")));
    const { files, sockets } = filesOf(node.pid);
    note("files", `${name}: files`, at, files);
    note("files", `${name}: sockets`, at, sockets);
    if (told === null) continue;
    const heap = note("heap", `${name}: heap after a collection`, at, megabytes(told.heap));
    note("external", `${name}: buffers after a collection`, at, megabytes(told.external));
    note("timers", `${name}: timers`, at, told.timers);
    note("timers", `${name}: handles`, at, told.handles);
    said.push(`${name} ${memory.toFixed(0)} MB, heap ${heap.toFixed(1)}, ${files}+${sockets} files`);
  }
  for (const role of ["api", "worker"] as const)
    note(
      "cpu",
      `CPU time of the ${role} nodes`,
      at,
      sum(watched.filter((one) => one.role === role).map(({ node }) => cpuOf(node.pid))),
    );
  said.push(await takeServers(looked, at));
  single.note(recording, at);
  for (const [kind, n] of Object.entries(books.done)) note("done", kind, at, n);
  const [load = 0] = loadavg();
  note("load", "load of the machine", at, load);
  const [small, control] = ["small", CONTROL].map((kind) => middleSince(recording.calls.get(kind) ?? [], at - 10));
  said.push(`small ${small} ms, control ${control} ms, load ${load.toFixed(1)}`);
  return said.join("; ");
}

async function takeServers({ watched, servers, recording }: Looked, at: number): Promise<string> {
  const note = recording.note.bind(recording);
  const { open, cpu } = await servers.connections();
  note("connections", "PostgreSQL: connections", at, open);
  if (cpu !== null) note("cpu", "CPU time of PostgreSQL", at, cpu);
  const tables = await servers.tables();
  for (const { name, rows } of tables) note("rows", `rows of ${name}`, at, rows);
  const overdue = await servers.overdue();
  note("overdue", OVERDUE_BATCHES, at, overdue.batches);
  note("overdue", OVERDUE_RECORDS, at, overdue.records);
  const bytes = note("bytes", "PostgreSQL: tables", at, megabytes(sum(tables.map((table) => table.bytes))));
  note("waiting", "deliveries that wait", at, await servers.deliveries());
  note("keys", "Redis: keys", at, await servers.keys());
  const { tokens, dead, own } = await servers.messages(watched.map(({ node }) => node.pid));
  note("waiting", "RabbitMQ: tokens", at, tokens);
  note("waiting", "RabbitMQ: dead tokens", at, dead);
  note("waiting", "RabbitMQ: the nodes' messages", at, own);
  return `tables ${bytes.toFixed(0)} MB, ${overdue.batches} batches overdue, ${open} connections`;
}

/** Counts open files and sockets of a process. A descriptor that closes meanwhile counts as neither. */
function filesOf(pid: number): { files: number; sockets: number } {
  let [files, sockets] = [0, 0];
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const to = linkOf(`/proc/${pid}/fd/${fd}`);
    if (to?.startsWith("socket:")) sockets++;
    else if (to) files++;
  }
  return { files, sockets };
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

const sum = (values: number[]) => values.reduce((all, one) => all + one, 0);

function middleSince(points: Point[], since: number): string {
  const values = points.filter(({ at }) => at > since).map(({ value }) => value);
  return values.length === 0 ? "–" : median(values).toFixed(0);
}

export async function metricsText(url: string): Promise<string> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`GET ${url}: ${response.status}`);
  return response.text();
}

/** Sums a metric over all series whose labels contain `label`. Throws if the node does not have the metric. */
export function sumOf(text: string, name: string, label = ""): number {
  const samples = text.split("\n").filter((line) => new RegExp(`^${name}[ {]`).test(line) && line.includes(label));
  if (samples.length === 0) throw new Error(`No metric ${name}{${label}}`);
  return samples.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
