import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerOnSocket, type ReadProblem } from "./problems.ts";
import type { ApiRequest } from "./request.ts";

/** Sends a request's answer. */
export type Answer = (req: ApiRequest, res: ServerResponse) => void;

interface Due {
  req: ApiRequest;
  res: ServerResponse;
  /** Made when it is needed: a client may send thousands of requests that never get their turn. */
  voiding?: AbortController;
}

/**
 * One connection. Requests that a client sends without waiting (pipelining) are answered one after another, since the
 * second may need what the first one did (RFC 9112, 9.3.2). What cannot be read as HTTP is answered last, and ends it.
 */
export class Connection {
  readonly socket: Socket;
  /** Whose it is, as far as addresses tell; null: a trusted proxy's, so anybody's. */
  readonly network: string | null;
  /** Whether its last request had a login. */
  isKnown = false;
  /** When it came, sent a request or took an answer. */
  movedAt = performance.now();
  private readonly answer: Answer;
  private readonly onAnswered: (nextOnes: number) => void;
  /** The requests whose answers are due, in order. The first one is at work. */
  private readonly due: Due[] = [];
  private last: IncomingMessage | null = null;
  private fault: ReadProblem | null = null;
  private stuckAt: string | null = null;
  private stuckSince = 0;
  private unsent: string | undefined;

  /** Requests beyond `mostWaiting` are not even parsed: what is behind them cannot be read. */
  constructor(
    socket: Socket,
    network: string | null,
    mostWaiting: number,
    answer: Answer,
    onAnswered: (nextOnes: number) => void,
  ) {
    this.socket = socket;
    this.network = network;
    this.answer = answer;
    this.onAnswered = onAnswered;
    refuseIncoming(socket, () => this.waiting >= mostWaiting);
  }

  /** Requests that wait for the answers before theirs. */
  get waiting(): number {
    return Math.max(0, this.due.length - 1);
  }

  /** Nothing was ever asked here. */
  get isSilent(): boolean {
    return this.last === null;
  }

  get isIdle(): boolean {
    return this.due.length === 0;
  }

  /** An answer is being made, and all that is made of it was taken. */
  get isAtWork(): boolean {
    return !this.isIdle && this.socket.writableLength === 0;
  }

  take(req: ApiRequest, res: ServerResponse): void {
    this.last = req;
    this.due.push({ req, res });
    if (this.due.length === 1) this.begin();
    // The answers come first: what a client sends meanwhile waits in its own buffers.
    else if (!this.socket.isPaused()) this.socket.pause();
  }

  /**
   * Nothing more can be read here. If it is garbage, the last request may have been longer than it said: whoever has not
   * done yet what it asks for must refuse it. It is told once; parsers repeat themselves.
   */
  break(fault: ReadProblem, { isGarbage }: { isGarbage: boolean }): void {
    if (this.fault) return;
    this.fault = fault;
    const last = this.due.at(-1);
    if (!last) answerOnSocket(fault, this.socket);
    else if (isGarbage) voidingOf(last).abort(fault);
  }

  /** Whether bytes wait to be sent, and as far as Node knows none was taken since `isStuck` was asked. */
  get isStill(): boolean {
    const { unread } = this;
    return unread !== null && unread === this.stuckAt;
  }

  /**
   * Whether for `longMs` nobody has read any of the bytes that wait to be sent, or the rest of a body has not come whose
   * request was answered long ago. To be asked again and again. `unsent`: what the system has to send, where that is known.
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

  /** How far the reader is, where bytes wait for it: whole pieces that were taken, and the rest of the one at hand, which only the handle tells. */
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
    this.answer(first.req, first.res);
  }

  private answered(): void {
    const { waiting } = this;
    this.due.shift();
    this.onAnswered(waiting - this.waiting);
    const [next] = this.due;
    // That answer said `Connection: close`.
    if (!this.socket.writable) return;
    if (next) {
      if (this.due.length === 1) this.socket.resume();
      // Others get their turn, and what the last answer held is free by then.
      setImmediate(() => this.begin());
    } else if (this.fault) answerOnSocket(this.fault, this.socket);
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
 * One packet can bring thousands of requests, and Node has no limit for them: it would make a request and an answer of each
 * before anybody is asked. The parser stops at -1, with TOO_MANY_WAIT.
 */
function refuseIncoming(socket: Socket, isTooMany: () => boolean): void {
  const { parser } = socket as { parser?: Parser };
  if (!parser) return;
  const { onIncoming } = parser;
  parser.onIncoming = (req, keepAlive) => (isTooMany() ? -1 : onIncoming(req, keepAlive));
}
