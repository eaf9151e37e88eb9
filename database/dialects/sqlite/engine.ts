/**
 * The order of work in SQLite's thread. It holds the only writing connection.
 *
 *   request ─► read ──────────────► answered at once on the second connection
 *           ├► unit, statement ───► queue ─► group: BEGIN · unit · unit · … · COMMIT ─► all answered
 *           └► BEGIN of a session ► queue ─► the session has the writer to itself until its COMMIT or ROLLBACK, or until it
 *                                            has sent no statement for too long
 *
 * A group is all that has arrived since the last COMMIT, so that many small commits share one fsync. Nothing is answered before
 * its COMMIT, and nothing that was committed to a file that has been deleted or replaced.
 */
import { DatabaseUnavailable } from "../../errors.ts";
import { failureOf } from "./failure.ts";
import type { Files } from "./files.ts";
import {
  type EndSessionRequest,
  LOST,
  type Reply,
  type Request,
  type SqlRequest,
  type UnitRequest,
} from "./protocol.ts";
import { isBegin, isEnd, isRead, isRollback, runStatement } from "./sql.ts";
import { compounds, reads, singles, transactions, type UnitsByName } from "./units/units.ts";

/** The greatest size of a group. It is small, because the first unit's answer waits for the last unit. */
const GROUP_UNITS = 256;
const GROUP_BYTES = 4 * 1024 * 1024;
/** How often the files are checked while nothing is written. A check is three calls of `stat`. */
const LOOK_MS = 1_000;

const readers: UnitsByName = reads;
const single: UnitsByName = singles;
const compound: UnitsByName = compounds;
const apart: UnitsByName = transactions;

export interface EngineOptions {
  files: Files;
  transactionMs: number;
  /** Calls `take` for each message that has arrived so far. */
  drain(): void;
  reply(replies: Reply[]): void;
}

type Write = UnitRequest | SqlRequest;

export class Engine {
  #options: EngineOptions;
  #queue: (Write | EndSessionRequest)[] = [];
  /** The session whose transaction is open, which has the writer to itself. */
  #holder: number | null = null;
  /** Sessions whose transaction the thread has rolled back without being asked. */
  #expired = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  take(request: Exclude<Request, { kind: "close" }>): void {
    const { lost } = this.#options.files.guard;
    if (lost) {
      this.#options.reply([{ id: request.id, failure: failureOf(lost) }]);
      return;
    }
    if (request.kind === "unit") {
      const read = readers[request.op];
      if (read) this.#answer(request.id, () => read(this.#options.files.reader, ...request.args));
      else this.#queue.push(request);
      return;
    }
    if (this.#holder === request.session || this.#expired.has(request.session)) this.#inTransaction(request);
    else if (request.kind === "sql" && isRead(request.text))
      this.#answer(request.id, () => runStatement(this.#options.files.reader, request));
    else this.#queue.push(request);
  }

  /** Handles the queue until it is empty, or until a session holds the writer. */
  work(): void {
    for (;;) {
      const head = this.#queue[0];
      if (head === undefined || this.#holder !== null) return;
      if (head.kind === "endSession" || isBeginning(head)) this.#alone(head);
      else if (isApart(head)) this.#apart(head as UnitRequest);
      else this.#group();
    }
  }

  close(): void {
    clearInterval(this.#looking);
    if (this.#holder !== null) this.#expire();
    this.work();
    this.#options.files.close();
  }

  #group(): void {
    const { files, drain, reply } = this.#options;
    const replies: Reply[] = [];
    const started: number[] = [];
    let bytes = 0;
    try {
      files.writer.run("BEGIN IMMEDIATE");
      while (started.length < GROUP_UNITS && bytes < GROUP_BYTES) {
        const next = this.#queue[0];
        if (next === undefined || next.kind === "endSession" || isBeginning(next) || isApart(next)) break;
        this.#queue.shift();
        started.push(next.id);
        bytes += next.kind === "unit" ? next.size : next.text.length;
        replies.push(this.#unit(next));
        drain();
      }
      files.writer.run("COMMIT");
      this.#confirm();
    } catch (error) {
      this.#options.files.writer.rollback();
      const failure = failureOf(error);
      // If BEGIN fails, the first request of the queue fails with it. Otherwise the queue would never move on.
      if (started.length === 0) started.push((this.#queue.shift() as Write).id);
      reply(started.map((id) => ({ id, failure })));
      return;
    }
    reply(replies);
  }

  /** Runs a unit that makes a transaction of its own. */
  #apart(request: UnitRequest): void {
    this.#queue.shift();
    const { writer } = this.#options.files;
    this.#answer(request.id, () => {
      const result = apart[request.op]?.(writer, ...request.args);
      this.#confirm();
      return result;
    });
  }

  /** Runs a unit. A failing unit undoes only its own writes. If SQLite has undone the whole group, the group ends. */
  #unit(request: Write): Reply {
    const { writer } = this.#options.files;
    const many = request.kind === "unit" ? compound[request.op] : undefined;
    try {
      if (many) writer.run("SAVEPOINT unit");
      const result = many ? many(writer, ...(request as UnitRequest).args) : this.#one(request);
      if (many) writer.run("RELEASE unit");
      return { id: request.id, result };
    } catch (error) {
      if (!writer.db.isTransaction) throw error;
      const failure = failureOf(error);
      if (failure.kind === "unavailable") throw error;
      if (many) {
        writer.run("ROLLBACK TO unit");
        writer.run("RELEASE unit");
      }
      return { id: request.id, failure };
    }
  }

  #one(request: Write): unknown {
    const { writer } = this.#options.files;
    if (request.kind === "sql") return runStatement(writer, request);
    const unit = single[request.op];
    if (!unit) throw new Error(`No unit is called ${request.op}.`);
    return unit(writer, ...request.args);
  }

  /** Handles a BEGIN (the session takes the writer), or the end of a session that holds nothing. */
  #alone(head: Write | EndSessionRequest): void {
    this.#queue.shift();
    this.#answer(head.id, () => {
      if (head.kind !== "sql") return null;
      this.#options.files.writer.run("BEGIN IMMEDIATE");
      this.#holder = head.session;
      this.#timer = setTimeout(() => {
        this.#expire();
        this.work();
      }, this.#options.transactionMs);
      return { rows: [], changes: 0, lastId: 0 };
    });
  }

  #inTransaction(request: SqlRequest | EndSessionRequest): void {
    const { writer } = this.#options.files;
    this.#answer(request.id, () => {
      if (this.#expired.has(request.session)) return this.#afterExpiry(request);
      if (request.kind === "endSession") return this.#free(() => this.#options.files.writer.rollback());
      if (isEnd(request.text)) return this.#ended(request);
      const result = runStatement(writer, request);
      // Each statement restarts the idle timer: a migration of a large file takes minutes, but is not idle.
      this.#timer?.refresh();
      return result;
    });
    // When the disk is full, SQLite has rolled back the transaction by itself.
    if (this.#holder !== null && !writer.db.isTransaction) this.#expire();
  }

  #ended(request: SqlRequest): unknown {
    const result = this.#free(() => runStatement(this.#options.files.writer, request));
    if (!isRollback(request.text)) this.#confirm();
    return result;
  }

  /** Checks the files after a COMMIT. Throws DatabaseUnavailable if the COMMIT may have gone to a lost file. */
  #confirm(): void {
    this.#look();
    this.#options.files.guard.confirm();
  }

  /** Checks the files, and reports their loss only once. */
  #look(): void {
    const lost = this.#options.files.guard.look();
    if (lost) this.#options.reply([{ id: LOST, failure: failureOf(lost) }]);
  }

  #afterExpiry(request: SqlRequest | EndSessionRequest): unknown {
    const isOver = request.kind === "endSession" || isEnd(request.text);
    if (isOver) this.#expired.delete(request.session);
    if (request.kind === "endSession" || isRollback(request.text)) return { rows: [], changes: 0, lastId: 0 };
    throw new DatabaseUnavailable("The transaction had no statement for too long and has been rolled back.");
  }

  #free<T>(end: () => T): T {
    clearTimeout(this.#timer);
    this.#holder = null;
    try {
      return end();
    } finally {
      this.#options.files.writer.rollback();
    }
  }

  #expire(): void {
    if (this.#holder !== null) this.#expired.add(this.#holder);
    this.#free(() => undefined);
  }

  #answer(id: number, act: () => unknown): void {
    let reply: Reply;
    try {
      reply = { id, result: act() };
    } catch (error) {
      reply = { id, failure: failureOf(error) };
    }
    this.#options.reply([reply]);
  }
}

const isApart = (request: Write): boolean => request.kind === "unit" && apart[request.op] !== undefined;
const isBeginning = (request: Write) => request.kind === "sql" && isBegin(request.text);
