/** What every connection of ours does beside what its driver does: those of the lanes and those of the models. */
import type { Socket } from "node:net";
import type mssql from "mssql";

/**
 * Sends each packet at once. A request of more than one packet (4 kB) would wait some 40 ms in the middle otherwise: the kernel
 * holds its last packet back until the server has acknowledged the first (Nagle's algorithm), and the server takes its time.
 */
export const sendAtOnce = (connection: object): void =>
  void (connection as { socket?: Socket }).socket?.setNoDelay(true);

const firsts = new WeakMap<object, number>();
/** The database that the login asks for cannot be opened. "Login failed" (18456) comes with it, as with a wrong password. */
const NOT_OPEN = new Set([4060, 4064]);

/**
 * Keeps the number of the first error that the server refuses a login of `owner` with: the ones after it follow from it. The
 * driver keeps the text of the last one alone, in the server's language.
 */
export function watched(connection: mssql.Connection, owner: object = connection): void {
  connection.on("errorMessage", ({ number }: { number: number }) => {
    if (!firsts.has(owner) || NOT_OPEN.has(number)) firsts.set(owner, number);
  });
}

export const forgetRefusal = (owner: object): void => void firsts.delete(owner);

/** The error of a connection that was not opened, with what the server said first. */
export const withRefusal = (error: unknown, owner: object): unknown =>
  firsts.has(owner) ? Object.assign(error as Error, { number: firsts.get(owner) }) : error;
