/**
 * A pool of threads for SQLite. Starting a thread takes 60 ms of a core. So a thread that has closed its database is
 * kept, and opens the next database of this process: tests and migrations open many in turn. An idle thread does not
 * keep the process alive.
 */
import { Worker } from "node:worker_threads";
import { threadFile } from "../../../root.cjs";
import type { OpenRequest, ThreadData } from "./protocol.ts";

/**
 * The greatest number of idle threads that are kept. A process that had many databases open rarely needs that many
 * again.
 */
const MOST_IDLE = 4;

const idle: Worker[] = [];

/** Answers a thread that opens the files of `data`. The thread sends OPENED when they are open. */
export function threadFor(data: ThreadData): Worker {
  const thread = idle.pop();
  if (!thread) return new Worker(threadFile("database/dialects/sqlite/thread"), { workerData: data });
  thread.off("exit", forget).off("error", forget);
  thread.ref();
  thread.postMessage({ kind: "open", data } satisfies OpenRequest);
  return thread;
}

/** Takes a thread back. Call it when the thread has closed its files, and nobody listens to the thread any more. */
export function giveBack(thread: Worker): void {
  if (idle.length >= MOST_IDLE) return void thread.terminate();
  thread.on("exit", forget).on("error", forget);
  thread.unref();
  idle.push(thread);
}

function forget(this: Worker): void {
  const place = idle.indexOf(this);
  if (place >= 0) idle.splice(place, 1);
}
