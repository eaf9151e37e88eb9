/**
 * The entry point of SQLite's thread. `client.ts` starts this file by its path, so Node itself runs the file, also in
 * Jest.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Engine } from "./engine.ts";
import { failureOf } from "./failure.ts";
import { openFiles } from "./files.ts";
import { forgetPrograms } from "./program.ts";
import { type CloseRequest, OPENED, type OpenRequest, type Reply, type Request, type ThreadData } from "./protocol.ts";

/**
 * How long one drain may last. Reads are answered during a drain, so without a limit an endless stream of reads would
 * block all writes.
 */
const MOST_DRAIN_MS = 2;

const port = parentPort as MessagePort;

/** Opens the files, and handles messages until the files are closed. If the files cannot be opened, the thread ends. */
function open(data: ThreadData): void {
  try {
    start(data);
  } catch (error) {
    reply([{ id: OPENED, failure: failureOf(error) }]);
    port.close();
  }
}

function start(data: ThreadData): void {
  forgetPrograms();
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
  const hear = (request: Request) => {
    take(request);
    drain();
    engine.work();
    if (!closing) return;
    // Add the next listener before removing this one: a thread ends when its port has no listener.
    port.once("message", (next: OpenRequest) => open(next.data));
    port.off("message", hear);
    engine.close();
    reply([{ id: closing.id, result: null }]);
  };
  port.on("message", hear);
  reply([{ id: OPENED, result: null }]);
}

/**
 * Answers the main thread, and moves the bodies of chunks to it without a copy. The thread does not need a body after
 * its answer.
 */
function reply(replies: Reply[]): void {
  port.postMessage(replies, replies.flatMap(bodyOf));
}

function bodyOf(reply: Reply): ArrayBuffer[] {
  const result = "result" in reply ? (reply.result as { chunk?: Body | null; rows?: Body[] } | null) : null;
  const body = (result?.chunk ?? result?.rows?.[0])?.body;
  return body instanceof Uint8Array && body.byteLength > 0 ? [body.buffer as ArrayBuffer] : [];
}

type Body = { body?: unknown };

open(workerData as ThreadData);
