/** How operators move batches, and windows that are open or closed now. */
import { asked } from "./admin.kit.ts";

export const move = (id: string, action: string, body?: unknown) => asked("POST", `/batches/${id}/${action}`, body);

/** A window of two hours that begins in this many hours. A window that began an hour ago is open now. */
export const windowIn = (hours: number) => {
  const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  const from = Date.now() + hours * 3_600_000;
  return { from: clock(from), to: clock(from + 7_200_000), timeZone: "UTC" };
};
