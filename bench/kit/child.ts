/** A floor or load generator in a process of its own. It answers messages. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { ended, keepTrack } from "./places.ts";

export interface Child<Ask, Answer> {
  pid: number;
  ask(message: Ask): Promise<Answer>;
  stop(): Promise<void>;
}

export function startChild<Ask extends object, Answer>(file: string): Child<Ask, Answer> {
  const child = keepTrack(fork(join(root, "bench", file), { execArgv: [] }));
  return {
    pid: child.pid as number,
    ask: (message) => answerOf<Answer>(child, message),
    async stop() {
      child.disconnect();
      await ended(child);
    },
  };
}

function answerOf<Answer>(child: ChildProcess, message: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`A child of the bench ended with ${code}.`));
    child.once("exit", gone);
    child.once("message", (answer) => {
      child.off("exit", gone);
      resolve(answer as Answer);
    });
    child.send(message);
  });
}

/** In the child: answers every message until the parent disconnects. */
export function serveParent<Ask, Answer>(answer: (message: Ask) => Answer | Promise<Answer>, end: () => void): void {
  process.on("message", async (message) => process.send?.(await answer(message as Ask)));
  process.once("disconnect", () => {
    end();
    process.exit();
  });
}
