/** SQLite's thread: started by `client.ts` by its path, run by Node itself. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Engine } from "./engine.ts";
import { failureOf } from "./failure.ts";
import { openFiles } from "./files.ts";
import { type CloseRequest, OPENED, type Reply, type Request, type ThreadData } from "./protocol.ts";

/** Reads are answered as they are taken, so who reads without end would keep all writes waiting. */
const MOST_DRAIN_MS = 2;

const port = parentPort as MessagePort;
const data = workerData as ThreadData;

function start(): void {
  const files = openFiles(data);
  let closing: CloseRequest | null = null;
  const take = (request: Request) => {
    if (request.kind === "close") closing = request;
    else engine.take(request);
  };
  const drain = () => {
    const until = performance.now() + MOST_DRAIN_MS;
    for (let next = receiveMessageOnPort(port); next; ) {
      take(next.message as Request);
      next = performance.now() < until ? receiveMessageOnPort(port) : undefined;
    }
  };
  const engine = new Engine({ files, transactionMs: data.transactionMs, drain, reply });
  port.on("message", (request: Request) => {
    take(request);
    drain();
    engine.work();
    if (closing) close(engine, closing.id);
  });
  reply([{ id: OPENED, result: null }]);
}

function close(engine: Engine, id: number): void {
  port.removeAllListeners("message");
  engine.close();
  reply([{ id, result: null }]);
  port.close();
}

/** Bodies of chunks go over without a copy: SQLite made them for this answer alone. */
function reply(replies: Reply[]): void {
  port.postMessage(replies, replies.flatMap(bodyOf));
}

function bodyOf(reply: Reply): ArrayBuffer[] {
  const result = "result" in reply ? (reply.result as { chunk?: Body | null; rows?: Body[] } | null) : null;
  const body = (result?.chunk ?? result?.rows?.[0])?.body;
  return body instanceof Uint8Array && body.byteLength > 0 ? [body.buffer as ArrayBuffer] : [];
}

type Body = { body?: unknown };

try {
  start();
} catch (error) {
  reply([{ id: OPENED, failure: failureOf(error) }]);
  port.close();
}
