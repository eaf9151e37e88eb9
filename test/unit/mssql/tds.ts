/**
 * A server that speaks enough of TDS for a login, and answers each request with "done" or an error. The driver is the real one.
 */
import { createServer, type Server, type Socket } from "node:net";

const HEADER_BYTES = 8;
const IS_LAST = 1;
const RESPONSE = 4;
/** The names of the message types. */
const kinds: Record<number, string> = { 1: "batch", 3: "call", 6: "attention", 7: "rows", 16: "login", 18: "prelogin" };

export interface Asked {
  kind: string;
  data: Buffer;
  /** The number of the connection. The driver tests the first connection of a pool, and uses another one. */
  on: number;
}
export const says = ({ data }: Asked, text: string): boolean => data.includes(Buffer.from(text, "ucs2"));

/**
 * A number is an error; 16 bytes are a row with this id; "cut" ends the connection without an answer; "behind" answers the
 * request before this one.
 */
export type Answer = number | Buffer | "cut" | "behind" | undefined;

const DONE = Buffer.concat([Buffer.from([0xfd]), Buffer.alloc(12)]);
const FAILED = Buffer.concat([Buffer.from([0xfd, 2]), Buffer.alloc(11)]);
/** The only option says that there is no encryption. */
const PRELOGIN = Buffer.from([1, 0, 6, 0, 1, 0xff, 2]);

function token(of: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.from([of, 0, 0]);
  head.writeUInt16LE(body.length, 1);
  return Buffer.concat([head, body]);
}

const LOGIN = Buffer.concat([token(0xad, Buffer.from([1, 0x74, 0, 0, 4, 0, 15, 0, 0, 0])), DONE]);

function errorToken(number: number): Buffer {
  const text = `Error ${number}`;
  const [head, length] = [Buffer.alloc(6), Buffer.alloc(2)];
  head.writeInt32LE(number);
  head.writeUInt8(13, 5);
  length.writeUInt16LE(text.length);
  return token(0xaa, head, length, Buffer.from(text, "ucs2"), Buffer.alloc(6));
}

const errorOf = (...numbers: number[]): Buffer => Buffer.concat([...numbers.map(errorToken), FAILED]);

const NAME = Buffer.from("@asked", "ucs2");
const INT = Buffer.from([0x26, 4]);

/** The query's number, a parameter of type INT that comes back before each answer. Null if there is none. */
function numberOf({ data }: Asked): number | null {
  const at = data.lastIndexOf(NAME);
  if (at === -1) return null;
  const value = at + NAME.length + 1 + INT.length;
  return data.subarray(value - INT.length, value).equals(INT) ? data.readInt32LE(value + 1) : null;
}

function numbered(number: number): Buffer {
  const name = Buffer.from("asked", "ucs2");
  const column = [Buffer.from([0x81, 1, 0, 0, 0, 0, 0, 0, 0]), INT, Buffer.from([name.length / 2]), name];
  const row = Buffer.alloc(6, 0xd1);
  row.writeUInt8(4, 1);
  row.writeInt32LE(number, 2);
  return Buffer.concat([...column, row, DONE]);
}

const GUID = Buffer.from([0x24, 16]);

function rowWithId(id: Buffer): Buffer {
  const name = Buffer.from("id", "ucs2");
  const column = [Buffer.from([0x81, 1, 0, 0, 0, 0, 0, 0, 0]), GUID, Buffer.from([name.length / 2]), name];
  return Buffer.concat([...column, Buffer.from([0xd1, id.length]), id, DONE]);
}

function respond(socket: Socket, body: Buffer): void {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt8(RESPONSE, 0);
  head.writeUInt8(IS_LAST, 1);
  head.writeUInt16BE(HEADER_BYTES + body.length, 2);
  head.writeUInt8(1, 6);
  socket.write(Buffer.concat([head, body]));
}

/** Puts packets together into messages. */
function onMessages(socket: Socket, take: (type: number, data: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  let parts: Buffer[] = [];
  socket.on("data", (piece) => {
    rest = Buffer.concat([rest, piece as Buffer]);
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readUInt16BE(2)) {
      const packet = rest.subarray(0, rest.readUInt16BE(2));
      rest = rest.subarray(packet.length);
      parts.push(packet.subarray(HEADER_BYTES));
      if (((packet[1] as number) & IS_LAST) === 0) continue;
      take(packet[0] as number, Buffer.concat(parts));
      parts = [];
    }
  });
}

export interface TdsServer {
  url: string;
  /** All requests, except logins and what the driver sends first on each connection. */
  asked: Asked[];
  close(): Promise<void>;
}

/** `refused`: the errors of a login at the moment. Without errors a login succeeds. */
export async function tdsServer(
  answer: (asked: Asked) => Answer,
  refused: () => number[] = () => [],
): Promise<TdsServer> {
  const asked: Asked[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    const on = sockets.push(socket) - 1;
    socket.on("error", () => {});
    onMessages(socket, (type, data) => {
      const kind = kinds[type] ?? "unknown";
      if (kind === "prelogin") return respond(socket, PRELOGIN);
      if (kind === "login") return respond(socket, refused().length > 0 ? errorOf(...refused()) : LOGIN);
      const one = { kind, data, on };
      if (says(one, "set ansi_nulls on")) return respond(socket, DONE);
      const before = asked.at(-1);
      asked.push(one);
      const told = answer(one);
      if (told === "cut") return void socket.destroy();
      const number = numberOf(told === "behind" && before ? before : one);
      if (typeof told === "number") respond(socket, errorOf(told));
      else {
        const sets = [
          ...(number === null ? [] : [numbered(number)]),
          ...(Buffer.isBuffer(told) ? [rowWithId(told)] : []),
        ];
        respond(socket, sets.length === 0 ? DONE : Buffer.concat(sets));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `mssql://u:p@127.0.0.1:${port}/x?encrypt=false`,
    asked,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
