/**
 * The entry point of the thread that writes tables of another SQLite file. Its waits for locks and for the disk block
 * no other thread.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { failureOf } from "../failure.ts";
import { AppliedFile } from "./applied-file.ts";

export interface CallRequest {
  id: number;
  call: Exclude<keyof AppliedFile, symbol>;
  args: unknown[];
}

const port = parentPort as MessagePort;
const file = new AppliedFile(workerData as string);

port.on("message", ({ id, call, args }: CallRequest) => {
  try {
    // `FileThread` has checked the arguments by the type of the method.
    const result = (file[call] as (...all: unknown[]) => unknown).apply(file, args);
    port.postMessage({ id, result });
  } catch (error) {
    port.postMessage({ id, failure: failureOf(error) });
  }
});
