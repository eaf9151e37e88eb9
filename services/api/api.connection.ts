import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ApiRequest } from "./api.exchange.ts";
import { answerOnSocket, type ReadProblem } from "./api.problems.ts";

/** Sends a request's answer. */
export type Answer = (req: ApiRequest, res: ServerResponse) => void;

interface Due {
  req: ApiRequest;
  res: ServerResponse;
  voiding: AbortController;
}

/**
 * One connection. Requests that a client sends without waiting (pipelining) are answered one after another, since the
 * second may need what the first one did (RFC 9112, 9.3.2). What cannot be read as HTTP is answered last, and ends it.
 */
export class Connection {
  readonly socket: Socket;
  private readonly answer: Answer;
  /** The requests whose answers are due, in order. The first one is at work. */
  private readonly due: Due[] = [];
  private fault: ReadProblem | null = null;

  constructor(socket: Socket, answer: Answer) {
    this.socket = socket;
    this.answer = answer;
  }

  take(req: ApiRequest, res: ServerResponse): void {
    const voiding = new AbortController();
    req.voided = voiding.signal;
    this.due.push({ req, res, voiding });
    res.once("finish", () => this.answered());
    if (this.due.length === 1) this.answer(req, res);
    // The answers come first: what a client sends meanwhile waits in its own buffers.
    else this.socket.pause();
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
    else if (isGarbage) last.voiding.abort(fault);
  }

  private answered(): void {
    this.due.shift();
    const [next] = this.due;
    // That answer said `Connection: close`.
    if (!this.socket.writable) return;
    if (next) {
      if (this.due.length === 1) this.socket.resume();
      this.answer(next.req, next.res);
    } else if (this.fault) answerOnSocket(this.fault, this.socket);
  }
}
