/**
 * The main thread's access to tables of another SQLite file. A thread of its own writes them, one call after another.
 */
import { Worker } from "node:worker_threads";
import { threadFile } from "../../../../root.cjs";
import { DatabaseUnavailable } from "../../../errors.ts";
import type { AppliedTable } from "../../../targets/applied.ts";
import { toldOf } from "../../../targets/outcome.ts";
import { errorOf, type Failure } from "../failure.ts";
import type { AppliedFile } from "./applied-file.ts";
import type { CallRequest } from "./elsewhere.thread.ts";

type Call = CallRequest["call"];
type Method<C extends Call> = Extract<AppliedFile[C], (...args: never[]) => unknown>;
type Answer = { id: number } & ({ result: unknown } | { failure: Failure });

/** The thread of one file. It starts with the first call, and starts again after it has failed. */
export class FileThread {
  readonly #file: string;
  #worker: Worker | null = null;
  #waiting: { resolve(result: unknown): void; reject(error: unknown): void } | null = null;
  #isClosed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Runs `work`. No other work's calls run between the calls of `work`. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new DatabaseUnavailable("The file is closed."));
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  call<C extends Call>(call: C, ...args: Parameters<Method<C>>): Promise<ReturnType<Method<C>>> {
    const worker = this.#started();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve: resolve as (result: unknown) => void, reject };
      // The thread keeps the process alive only while it has a call.
      worker.ref();
      worker.postMessage({ id: 0, call, args });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await this.#worker?.terminate();
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const path = threadFile("database/dialects/sqlite/table/elsewhere.thread");
    const worker = new Worker(path, { workerData: this.#file });
    this.#worker = worker;
    worker.on("message", (answer: Answer) => {
      const waiting = this.#waiting;
      this.#waiting = null;
      worker.unref();
      if ("failure" in answer) waiting?.reject(errorOf(answer.failure));
      else waiting?.resolve(answer.result);
    });
    const ended = (cause?: unknown) => {
      if (this.#worker === worker) this.#worker = null;
      this.#waiting?.reject(new DatabaseUnavailable("The file's thread has ended.", { isOutcomeUnknown: true, cause }));
      this.#waiting = null;
    };
    worker.on("error", ended);
    worker.on("exit", () => ended());
    return worker;
  }
}

export function appliedOf(thread: FileThread): AppliedTable {
  const one = <C extends Call>(call: C, ...args: Parameters<Method<C>>) =>
    thread.inTurn(() => thread.call(call, ...args));
  return {
    make: () => one("make"),
    enter: (of) => one("enter", of),
    look: (batch) => one("look", batch),
    raise: (batch, fence) => one("raise", batch, fence),
    forget: (rows) => one("forget", rows),
    list: (after, limit) => one("list", after, limit),
    apply: (of, { plan, rows }, judge) =>
      thread.inTurn(async () => {
        const beganAt = performance.now();
        const outcome = await thread.call("begin", of, { plan, rows });
        const told = toldOf(outcome, performance.now() - beganAt);
        const judged = judge(outcome);
        return (await thread.call("advance", judged)) ? { ...judged, told } : null;
      }),
  };
}
