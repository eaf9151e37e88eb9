/**
 * What the tests of broken connections share: a system in which nothing of a refused upload may stay, and sockets that are read
 * byte by byte.
 */
import { connect, type Socket } from "node:net";
import { until } from "../helpers/patience.ts";
import { type Answer, send, startWorld, type World } from "./bad-input.kit.ts";

export let world: World;
let batches: number;

/** Call it at the top of a test file. After each test it checks that nothing of a refused upload is stored. */
export function startWire(): void {
  beforeAll(async () => {
    world = await startWorld();
  });
  beforeEach(async () => {
    batches = await world.rows("batch");
  });
  afterEach(async () => {
    expect((await send(world.system.url, { path: "/health/live" })).status).toBe(200);
    await until(isEverythingGone, "nothing of a refused upload is left");
  });
  afterAll(() => world.system.stop());
}

/** Tells the check that the test has stored one more batch. */
export const expectBatch = () => void batches++;

export const isEverythingGone = async () =>
  (await world.rows("batch_chunk")) === 0 && (await world.rows("batch")) === batches;

export const socketOf = (): Promise<Socket> => {
  const { hostname, port } = new URL(world.system.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => resolve(socket));
    socket.once("error", reject);
  });
};

/** Reads one answer: up to its Content-Length, or without that to the end of the connection. */
export class Reader {
  private bytes = Buffer.alloc(0);
  private isOver = false;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (piece) => {
      this.bytes = Buffer.concat([this.bytes, piece as Buffer]);
    });
    const over = () => {
      this.isOver = true;
    };
    socket.on("end", over).on("close", over).on("error", over);
  }

  get text(): string {
    return this.bytes.toString("latin1");
  }

  async answer(): Promise<Answer> {
    await until(() => this.isOver || parsed(this.bytes) !== null, "the answer is there");
    const found = parsed(this.bytes);
    this.socket.destroy();
    if (!found) throw new Error(`No answer but: ${this.text}`);
    return found.answer;
  }

  /** Reads all answers until the other side closes the connection. */
  async answers(timeoutMs?: number): Promise<Answer[]> {
    await until(() => this.isOver, "the connection is closed", timeoutMs);
    this.socket.destroy();
    const answers: Answer[] = [];
    let rest = this.bytes;
    for (let found = parsed(rest); found; found = parsed(rest)) {
      answers.push(found.answer);
      rest = rest.subarray(found.length);
    }
    expect(rest.toString()).toBe("");
    return answers.filter(({ status }) => status !== 100);
  }
}

function parsed(bytes: Buffer): { answer: Answer; length: number } | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first = "", ...fields] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers = Object.fromEntries(
    fields.map((field) => [field.split(":")[0]?.toLowerCase() ?? "", field.slice(field.indexOf(":") + 1).trim()]),
  );
  const length = end + 4 + Number(headers["content-length"] ?? 0);
  if (bytes.length < length) return null;
  const text = bytes.subarray(end + 4, length).toString();
  return { answer: { status: Number(first.split(" ")[1]), headers, text }, length };
}

export const head = (lines: string[]) => `${["POST /imports HTTP/1.1", "Host: x", ...lines].join("\r\n")}\r\n\r\n`;
export const authorized = (who: string, ...lines: string[]) =>
  head([`Authorization: ${world.authorization(who)}`, "Content-Type: application/x-ndjson", ...lines]);

/** Resolves when the operating system has accepted the data. */
export const write = (socket: Socket, piece: string | Buffer) =>
  new Promise<void>((resolve, reject) => {
    socket.write(piece, (error) => (error ? reject(error) : resolve()));
  });

/** Waits for a turn of the event loop, so that the other side reads the sent data as a packet of its own. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A way to send a head and a body. The head announces `length` bytes. */
export type Way = (socket: Socket, head: string, body: Buffer, length: number) => Promise<void>;
export const ways: Record<string, Way> = {
  "in one packet": (socket, start, body) => write(socket, Buffer.concat([Buffer.from(start), body])),
  "the head by itself": async (socket, start, body) => {
    await write(socket, start);
    await turn();
    await write(socket, body);
  },
  "the rest by itself": async (socket, start, body, length) => {
    await write(socket, Buffer.concat([Buffer.from(start), body.subarray(0, length)]));
    await turn();
    await write(socket, body.subarray(length));
  },
};

export const byteByByte: Way = async (socket, start, body) => {
  for (const byte of Buffer.concat([Buffer.from(start), body])) {
    if (socket.destroyed) return;
    await write(socket, Buffer.from([byte]));
  }
};
