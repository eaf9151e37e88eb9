/** The promise: a body comes in time and in proportion, or it is refused; what we do not read is not its sender's fault. */
import { randomBytes } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { decodedBody } from "../../../services/imports/imports.body.ts";
import { type Encoding, mostWireBytes } from "../../../services/imports/imports.contract.ts";

const MIB = 2 ** 20;
const patience = { idleMs: 5_000, windowMs: 60_000, windowBytes: 60_000 };

/** The bytes of a body that is read to its end, `msBetween` after each piece. */
async function read(
  wire: Readable,
  encoding: Encoding,
  { maxBytes = 2 ** 30, msBetween = 0, ...over }: Partial<typeof patience> & { maxBytes?: number; msBetween?: number },
): Promise<number> {
  let bytes = 0;
  for await (const piece of decodedBody(wire, encoding, { maxBytes, patience: { ...patience, ...over } })) {
    bytes += piece.length;
    if (msBetween > 0) await pause(msBetween);
  }
  return bytes;
}

function* times(count: number, piece: Buffer): Generator<Buffer> {
  for (let i = 0; i < count; i++) yield piece;
}

const refused = (reading: Promise<unknown>, problem: object) => expect(reading).rejects.toMatchObject(problem);

describe("gzip", () => {
  const empty = Buffer.concat([...times(4_000, gzipSync(""))]);

  test("of members without content is refused once it is longer than the allowance", async () => {
    const wire = Readable.from(times(100, empty));
    await refused(read(wire, "gzip", {}), { type: "payload-too-large", data: { limit: 4 } });
  });

  test("is no longer on the wire than the largest body, whatever it holds", async () => {
    const maxBytes = 1_000;
    const wire = Readable.from(times(100, empty));
    const limit = mostWireBytes("gzip", maxBytes);
    await refused(read(wire, "gzip", { maxBytes }), { type: "payload-too-large", data: { limit } });
  });

  test("of a body that cannot be compressed is taken", async () => {
    const body = randomBytes(4 * MIB);
    const stored = gzipSync(body, { level: 0 });
    expect(stored.length).toBeGreaterThan(body.length);
    const wire = Readable.from(times(1, stored));
    expect(await read(wire, "gzip", { maxBytes: body.length })).toBe(body.length);
  });

  test("of a member for each record is taken", async () => {
    const member = gzipSync('{"n":1}\n');
    const many = Buffer.concat([...times(1_000, member)]);
    const wire = Readable.from(times(100, many));
    expect(await read(wire, "gzip", {})).toBe(800_000);
  });
});

describe("a slow body", () => {
  /** A piece every few ms. */
  async function* trickle(body: Buffer, pieceBytes: number) {
    for (let at = 0; at < body.length; at += pieceBytes) {
      await pause(5);
      yield body.subarray(at, at + pieceBytes);
    }
  }
  const short = { windowMs: 100, windowBytes: 1_000 };
  const tooSlow = { type: "upload-timeout", message: "Less than 1000 bytes came in 0.1 s." };

  test.each<[Encoding]>([["identity"], ["gzip"]])("ends where too little comes for long (%s)", async (encoding) => {
    const body = randomBytes(20_000);
    const wire = Readable.from(trickle(encoding === "gzip" ? gzipSync(body) : body, 1));
    await refused(read(wire, encoding, short), tooSlow);
  });

  test("that brings enough goes on, window after window", async () => {
    expect(await read(Readable.from(trickle(Buffer.alloc(300_000), 5_000)), "identity", short)).toBe(300_000);
  });

  test("is not slow where we do not read it", async () => {
    const wire = Readable.from(times(20, Buffer.alloc(10)));
    expect(await read(wire, "identity", { ...short, idleMs: 20, msBetween: 30 })).toBe(200);
  });

  test("that sends nothing ends", async () => {
    const silent = { type: "upload-timeout", message: "Nothing came for 0.05 s." };
    await refused(read(new PassThrough(), "identity", { idleMs: 50 }), silent);
  });
});
