/**
 * The main thread's connection to SQLite's thread. Every call is a message with an id, and a promise. If the thread
 * dies, all pending calls and all later calls fail with DatabaseUnavailable.
 */
import type { Worker } from "node:worker_threads";
import { DatabaseUnavailable } from "../../errors.ts";
import { errorOf } from "./failure.ts";
import { LOST, OPENED, type Reply, type Request, type ThreadData } from "./protocol.ts";
import type { SqlParams, SqlResult } from "./sql.ts";
import { giveBack, threadFor } from "./threads.ts";
import type { UnitArgs, UnitName, UnitResult } from "./units/units.ts";

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

type Draft = Request extends infer R ? (R extends Request ? Omit<R, "id"> : never) : never;

export class SqliteClient {
  #worker: Worker;
  #pending = new Map<number, Pending>();
  #lastId = 0;
  #ended: DatabaseUnavailable | null = null;
  #exited = Promise.withResolvers<void>();
  #onLost: (message: string) => void;

  private constructor(data: ThreadData, onLost: (message: string) => void) {
    this.#onLost = onLost;
    this.#worker = threadFor(data);
    this.#worker.on("message", this.#hear).on("error", this.#fail).on("exit", this.#exit);
  }

  #hear = (replies: Reply[]): void => {
    for (const reply of replies) this.#settle(reply);
  };
  #fail = (error: Error): void => this.#end("The database's thread failed.", error);
  #exit = (): void => {
    this.#end("The database's thread has ended.");
    this.#exited.resolve();
  };

  /**
   * Opens the files; resolves when they are open. Calls `onLost` once if a file is deleted, moved or replaced later.
   */
  static async open(data: ThreadData, onLost: (message: string) => void): Promise<SqliteClient> {
    const client = new SqliteClient(data, onLost);
    try {
      await new Promise((resolve, reject) => client.#pending.set(OPENED, { resolve, reject }));
      return client;
    } catch (error) {
      await client.#exited.promise;
      throw error;
    }
  }

  call<N extends UnitName>(op: N, ...args: UnitArgs<N>): Promise<UnitResult<N>> {
    return this.send(op, args, 0, []);
  }

  /**
   * Sends a unit to the thread. `size`: about how many bytes the unit writes. `transfer`: buffers to move to the
   * thread.
   */
  send<N extends UnitName>(op: N, args: UnitArgs<N>, size: number, transfer: ArrayBuffer[]): Promise<UnitResult<N>> {
    return this.#request({ kind: "unit", op, args, size }, transfer) as Promise<UnitResult<N>>;
  }

  sql(session: number, text: string, params: SqlParams): Promise<SqlResult> {
    return this.#request({ kind: "sql", session, text, params }) as Promise<SqlResult>;
  }

  async endSession(session: number): Promise<void> {
    await this.#request({ kind: "endSession", session });
  }

  async close(): Promise<void> {
    if (!this.#ended) {
      const closed = this.#request({ kind: "close" });
      this.#ended = new DatabaseUnavailable("The database is closed.");
      await closed.then(
        () => this.#leave(),
        () => this.#worker.terminate(),
      );
    }
    await this.#exited.promise;
  }

  /** Gives the thread back after it has closed the files: another database can use it. */
  #leave(): void {
    this.#worker.off("message", this.#hear).off("error", this.#fail).off("exit", this.#exit);
    giveBack(this.#worker);
    this.#exited.resolve();
  }

  #request(draft: Draft, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#worker.postMessage({ ...draft, id }, transfer);
      this.#pending.set(id, { resolve, reject });
    });
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.id === LOST && "failure" in reply) this.#onLost(reply.failure.message);
    else if ("failure" in reply) pending?.reject(errorOf(reply.failure));
    else pending?.resolve(reply.result);
  }

  #end(message: string, cause?: unknown): void {
    const error = new DatabaseUnavailable(message, { cause });
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
