/**
 * SQLite's threads. To start one takes 60 ms of a core. So a thread that has closed its database stays, and opens the next one that
 * this process wants: tests and migrations open many, one after the other. It does not keep the process alive meanwhile.
 */
import { Worker } from "node:worker_threads";
import { threadFile } from "../../../root.cjs";
import type { OpenRequest, ThreadData } from "./protocol.ts";

/** The most idle threads that are kept. A process that once had many databases open rarely needs as many again. */
const MOST_IDLE = 4;

const idle: Worker[] = [];

/** A thread that opens these files, and answers OPENED. */
export function threadFor(data: ThreadData): Worker {
  const thread = idle.pop();
  if (!thread) return new Worker(threadFile("database/dialects/sqlite/thread"), { workerData: data });
  thread.off("exit", forget).off("error", forget);
  thread.ref();
  thread.postMessage({ kind: "open", data } satisfies OpenRequest);
  return thread;
}

/** Call it when the thread has closed its files, and nobody listens to it any more. */
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
