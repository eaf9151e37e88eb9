/** The entry point of the thread that writes tables of another file, so that nobody waits for its locks and its disk. */
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
    // The client has checked the arguments by the method's type.
    const result = (file[call] as (...all: unknown[]) => unknown).apply(file, args);
    port.postMessage({ id, result });
  } catch (error) {
    port.postMessage({ id, failure: failureOf(error) });
  }
});
