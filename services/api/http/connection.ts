import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ApiRequest } from "./head.ts";
import { answerOnSocket, type ReadProblem } from "./problems.ts";

export interface Answers {
  /** Handles a request and sends its answer. */
  answer(req: ApiRequest, res: ServerResponse): void;
  /** Called after bytes that are no request were answered with this problem. */
  refused(socket: Socket, problem: ReadProblem, requestId: string): void;
}

interface Due {
  req: ApiRequest;
  res: ServerResponse;
  /** Created only when needed, because a client may send thousands of requests that are never handled. */
  voiding?: AbortController;
}

/**
 * One connection. Requests that a client sends without waiting for answers (pipelining) are handled one after another,
 * because the second may need what the first one did (RFC 9112, 9.3.2). Bytes that are not HTTP are answered last, and
 * that answer ends the connection.
 */
export class Connection {
  readonly socket: Socket;
  /**
   * The address under which the connection is counted. Null if the connection comes from a trusted proxy, which may
   * carry anybody's requests.
   */
  readonly network: string | null;
  /** Whether the last request of the connection had a login. */
  isKnown = false;
  /** When the connection last opened, sent a request or read an answer. */
  movedAt = performance.now();
  private readonly answers: Answers;
  private readonly onAnswered: (nextOnes: number) => void;
  /** The requests without an answer yet, in order. The first one is being handled. */
  private readonly due: Due[] = [];
  private last: IncomingMessage | null = null;
  private fault: ReadProblem | null = null;
  private stuckAt: string | null = null;
  private stuckSince = 0;
  private unsent: string | undefined;

  /**
   * `mostWaiting` is how many requests may wait. Further requests are not parsed, so nothing behind them can be read
   * either.
   */
  constructor(
    socket: Socket,
    network: string | null,
    mostWaiting: number,
    answers: Answers,
    onAnswered: (nextOnes: number) => void,
  ) {
    this.socket = socket;
    this.network = network;
    this.answers = answers;
    this.onAnswered = onAnswered;
    refuseIncoming(socket, () => this.waiting >= mostWaiting);
  }

  /** The number of requests that wait for earlier answers. */
  get waiting(): number {
    return Math.max(0, this.due.length - 1);
  }

  /** Whether the connection never carried a request. */
  get isSilent(): boolean {
    return this.last === null;
  }

  get isIdle(): boolean {
    return this.due.length === 0;
  }

  /** Whether an answer is being made, and the client has read all that was sent of the answer so far. */
  get isAtWork(): boolean {
    return !this.isIdle && this.socket.writableLength === 0;
  }

  take(req: ApiRequest, res: ServerResponse): void {
    this.last = req;
    this.due.push({ req, res });
    if (this.due.length === 1) this.begin();
    // Answers come first, so the node reads nothing more. What the client sends meanwhile waits in the client's own
    // buffers.
    else if (!this.socket.isPaused()) this.socket.pause();
  }

  /**
   * Records that nothing more can be read from the connection. After garbage, the last request's body may have been
   * longer than its length said, so a handler that has not acted on the body yet must refuse it. Only the first call
   * counts, because parsers report more than once.
   */
  break(fault: ReadProblem, { isGarbage }: { isGarbage: boolean }): void {
    if (this.fault) return;
    this.fault = fault;
    const last = this.due.at(-1);
    if (!last) this.refuse(fault);
    else if (isGarbage) voidingOf(last).abort(fault);
  }

  /** Whether bytes wait to be sent and, as far as Node knows, none was sent since the last call of `isStuck`. */
  get isStill(): boolean {
    const { unread } = this;
    return unread !== null && unread === this.stuckAt;
  }

  /**
   * Whether for `longMs` the client has read none of the bytes that wait to be sent, or has not sent the rest of a body
   * whose request is answered already. The caller must call it regularly. `unsent`: bytes that the system still has to
   * send, where known.
   */
  isStuck(longMs: number, unsent = this.unsent): boolean {
    const at = this.unread ?? (this.isUnfinished ? "body" : null);
    if (at === null || at !== this.stuckAt || unsent !== this.unsent) this.stuckSince = performance.now();
    this.stuckAt = at;
    this.unsent = unsent;
    return at !== null && performance.now() - this.stuckSince >= longMs;
  }

  private get isUnfinished(): boolean {
    return this.isIdle && this.last?.complete === false;
  }

  /**
   * Tells how far the client has read while bytes wait for the client: the bytes handed to the system, less those the
   * handle still queues. Null if no bytes wait.
   */
  private get unread(): string | null {
    const { writableLength, bytesWritten } = this.socket;
    if (writableLength === 0) return null;
    const { _handle: handle } = this.socket as { _handle?: { writeQueueSize?: number } | null };
    return `${bytesWritten - writableLength} ${handle?.writeQueueSize}`;
  }

  private begin(): void {
    const [first] = this.due;
    if (!first || this.socket.destroyed) return;
    voidingOf(first);
    first.res.once("finish", () => this.answered());
    this.answers.answer(first.req, first.res);
  }

  private answered(): void {
    const { waiting } = this;
    this.due.shift();
    this.onAnswered(waiting - this.waiting);
    const [next] = this.due;
    // The socket is not writable after an answer with `Connection: close`.
    if (!this.socket.writable) return;
    if (next) {
      if (this.due.length === 1) this.socket.resume();
      // The next request begins in a later turn: other connections get theirs first, and the memory of the last answer
      // is free by then.
      setImmediate(() => this.begin());
    } else if (this.fault) this.refuse(this.fault);
  }

  private refuse(fault: ReadProblem): void {
    const requestId = answerOnSocket(fault, this.socket);
    if (requestId !== null) this.answers.refused(this.socket, fault, requestId);
  }
}

function voidingOf(due: Due): AbortController {
  due.voiding ??= new AbortController();
  due.req.voided = due.voiding.signal;
  return due.voiding;
}

interface Parser {
  onIncoming(req: unknown, keepAlive: boolean): number;
}

/**
 * Stops the parser when too many requests wait. One packet can bring thousands of requests, and Node would create a
 * request and a response object for each before our code runs. The answer -1 stops the parser with the error
 * TOO_MANY_WAIT.
 */
function refuseIncoming(socket: Socket, isTooMany: () => boolean): void {
  const { parser } = socket as { parser?: Parser };
  if (!parser) return;
  const { onIncoming } = parser;
  parser.onIncoming = (req, keepAlive) => (isTooMany() ? -1 : onIncoming(req, keepAlive));
}
