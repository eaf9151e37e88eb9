import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Answer, Connection } from "./api.connection.ts";
import type { ApiRequest } from "./api.exchange.ts";
import { noProxy, unreadable } from "./api.problems.ts";

/** The connections of this node. Takes a server's requests, and what is none, and has `answer` send the answers. */
export class Connections {
  private readonly open = new Map<Socket, Connection>();
  private readonly silent = new Set<Socket>();

  constructor(server: Server, answer: Answer) {
    server.on("connection", (socket: Socket) => this.opened(socket, answer));
    server.removeAllListeners("request").on("request", (req: IncomingMessage, res: ServerResponse) => {
      this.take(req as ApiRequest, res);
    });
    // Node would answer 100 before anybody has looked at the credentials.
    server.on("checkContinue", (req: ApiRequest, res: ServerResponse) => {
      req.expectsContinue = true;
      this.take(req, res);
    });
    // Another expectation may be ignored (RFC 9110, 10.1.1); Node would answer 417 by itself.
    server.on("checkExpectation", (req: ApiRequest, res: ServerResponse) => this.take(req, res));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      const fault = unreadable(error);
      if (fault) this.open.get(socket)?.break(fault.problem, fault);
    });
    server.on("connect", (_req, socket) => {
      this.open.get(socket as Socket)?.break(noProxy(), { isGarbage: false });
    });
  }

  /** Closes those that never carried a request: Node does not count them as idle, and a stop would wait for them. */
  closeSilent(): void {
    for (const socket of this.silent) socket.destroy();
  }

  private opened(socket: Socket, answer: Answer): void {
    this.open.set(socket, new Connection(socket, answer));
    this.silent.add(socket);
    socket.once("close", () => {
      this.open.delete(socket);
      this.silent.delete(socket);
    });
  }

  private take(req: ApiRequest, res: ServerResponse): void {
    this.silent.delete(req.socket);
    this.open.get(req.socket)?.take(req, res);
  }
}
