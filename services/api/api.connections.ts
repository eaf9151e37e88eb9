import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/** Closes connections that never carried a request: Node does not count them as idle, and a stop would wait for them. */
export class SilentConnections {
  private readonly silent = new Set<Socket>();

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      this.silent.add(socket);
      socket.once("close", () => this.silent.delete(socket));
    });
    const heard = (request: IncomingMessage) => void this.silent.delete(request.socket);
    server.on("request", heard).on("checkContinue", heard);
  }

  close(): void {
    for (const socket of this.silent) socket.destroy();
  }
}
