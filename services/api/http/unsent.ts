/** Bytes that the system has still to send. Node hears of progress only when a third of the system's buffer, 1.4 MB, is free. */
import { readFile, readlink } from "node:fs/promises";
import type { Socket } from "node:net";

/** Linux: a line for each TCP socket. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
const LINE = /^ *\d+: \S+ \S+ \S+ ([\dA-F]+):\S+ \S+ \S+ +\d+ +\d+ (\d+)/gm;

/** How many bytes of each socket its other side has not yet taken. A socket of which that is not known is left out. */
export async function unsentOf(sockets: readonly Socket[]): Promise<Map<Socket, string>> {
  const found = new Map<Socket, string>();
  if (sockets.length === 0) return found;
  const tables = await Promise.all(TABLES.map((table) => readFile(table, "latin1").catch(() => "")));
  const unsent = new Map(
    tables.flatMap((table) => [...table.matchAll(LINE)].map(([, bytes, inode]) => [inode, bytes])),
  );
  await Promise.all(
    sockets.map(async (socket) => {
      const bytes = unsent.get(await inodeOf(socket));
      if (bytes !== undefined) found.set(socket, bytes);
    }),
  );
  return found;
}

async function inodeOf(socket: Socket): Promise<string | undefined> {
  const { _handle: handle } = socket as { _handle?: { fd?: number } | null };
  const link = await readlink(`/proc/self/fd/${handle?.fd}`).catch(() => "");
  return /^socket:\[(\d+)\]$/.exec(link)?.[1];
}
