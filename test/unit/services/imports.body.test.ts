/**
 * The promise: a body that comes too slowly or decompresses to too much is refused. Time in which the node does not read does not
 * count.
 */
import { randomBytes } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import {
  brotliCompressSync,
  constants,
  createZstdCompress,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { decodedBody } from "../../../services/imports/imports.body.ts";
import { type Coding, codings, mostWireBytes } from "../../../services/imports/imports.contract.ts";
import { brotliWindow, Windows } from "../../../services/imports/imports.windows.ts";
import { patience as onThisMachine } from "../../helpers/patience.ts";

const MIB = 2 ** 20;
const patience = { idleMs: 5_000, windowMs: 60_000, windowBytes: 60_000 };

/** The room for the decoders' windows of one client. */
const room = (windows = new Windows(), client = 1) => ({
  roomFor: (bytes: number) => windows.take(client, bytes),
});

/** Counts the bytes of a body that is read to its end, with a pause of `msBetween` after each piece. */
async function read(
  wire: Readable,
  applied: readonly Coding[],
  { maxBytes = 2 ** 30, msBetween = 0, ...over }: Partial<typeof patience> & { maxBytes?: number; msBetween?: number },
): Promise<number> {
  let bytes = 0;
  for await (const piece of decodedBody(wire, applied, { ...room(), maxBytes, patience: { ...patience, ...over } })) {
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
    await refused(read(wire, ["gzip"], {}), { type: "payload-too-large", data: { limit: 4 } });
  });

  test("is no longer on the wire than the largest body, whatever it holds", async () => {
    const maxBytes = 1_000;
    const wire = Readable.from(times(100, empty));
    const limit = mostWireBytes(["gzip"], maxBytes);
    await refused(read(wire, ["gzip"], { maxBytes }), { type: "payload-too-large", data: { limit } });
  });

  test("of a body that cannot be compressed is taken", async () => {
    const body = randomBytes(4 * MIB);
    const stored = gzipSync(body, { level: 0 });
    expect(stored.length).toBeGreaterThan(body.length);
    const wire = Readable.from(times(1, stored));
    expect(await read(wire, ["gzip"], { maxBytes: body.length })).toBe(body.length);
  });

  test("of a member for each record is taken", async () => {
    const member = gzipSync('{"n":1}\n');
    const many = Buffer.concat([...times(1_000, member)]);
    const wire = Readable.from(times(100, many));
    expect(await read(wire, ["gzip"], {})).toBe(800_000);
  });
});

const zeros = Buffer.alloc(66 * MIB);
const quickly = { level: 1 };

/** Each coding with a function that compresses. `deflate` is zlib's format; some clients send raw deflate. */
const packers: [name: string, Coding, pack: (body: Buffer, how?: { level?: number }) => Buffer][] = [
  ["gzip", "gzip", gzipSync],
  ["deflate", "deflate", deflateSync],
  ["raw deflate", "deflate", deflateRawSync],
  ["Brotli", "br", (body) => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })],
  ["Zstandard", "zstd", (body) => zstdCompressSync(body)],
];
test("every coding is packed here", () => {
  expect(new Set(packers.map(([, coding]) => coding))).toEqual(new Set(codings));
});

describe.each(packers)("%s", (_, coding, pack) => {
  const text = Buffer.from(Array.from({ length: 12 }, (__, i) => `{"id":"A${i}","n":${i * i}}\n`).join(""));
  const packed = pack(text);
  const decodedOf = async (pieces: Buffer[], applied: Coding[] = [coding]) => {
    const wire = Readable.from(pieces.filter((piece) => piece.length > 0));
    const found: Buffer[] = [];
    for await (const piece of decodedBody(wire, applied, { ...room(), maxBytes: 2 ** 30, patience })) found.push(piece);
    return Buffer.concat(found);
  };
  const broken = { type: "malformed-body", data: { offset: expect.any(Number) } };

  test("is decoded, wherever the wire cuts it", async () => {
    for (let cut = 0; cut < packed.length; cut++)
      expect(await decodedOf([packed.subarray(0, cut), packed.subarray(cut)])).toEqual(text);
    expect(await decodedOf([...packed].map((byte) => Buffer.of(byte)))).toEqual(text);
  });

  test("of a small body takes little memory", async () => {
    const options = { ...room(), maxBytes: 2 ** 30, patience };
    for await (const piece of decodedBody(Readable.from([packed]), [coding], options))
      expect(piece.buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
  });

  test("that is cut off is broken, wherever that is", async () => {
    for (let cut = 0; cut < packed.length; cut++) await refused(decodedOf([packed.subarray(0, cut)]), broken);
  });

  test("is followed by nothing else", async () => {
    for (const rest of ["\n", "\0\n", "\0\0x", "plain"].map((one) => Buffer.from(one))) {
      await refused(decodedOf([Buffer.concat([packed, rest])]), broken);
      await refused(decodedOf([packed, ...[...rest].map((byte) => Buffer.of(byte))]), broken);
    }
  });

  test("is followed by zero bytes only where that is padding", async () => {
    for (const pieces of [[Buffer.concat([packed, Buffer.alloc(9)])], [packed, Buffer.alloc(4), Buffer.alloc(5)]])
      if (coding === "gzip") expect(await decodedOf(pieces)).toEqual(text);
      else await refused(decodedOf(pieces), broken);
  });

  test("twice in a row is both where the coding has members or frames, else refused", async () => {
    const both = coding === "gzip" || coding === "zstd";
    for (const pieces of [[Buffer.concat([packed, packed])], [packed, packed]])
      if (both) expect(await decodedOf(pieces)).toEqual(Buffer.concat([text, text]));
      else await refused(decodedOf(pieces), broken);
    await refused(decodedOf([Buffer.concat([packed, Buffer.alloc(2), packed])]), broken);
    await refused(decodedOf([packed, Buffer.alloc(2), packed]), broken);
  });

  test("that grows to gigabytes is refused while it grows", async () => {
    const bomb = pack(zeros, quickly);
    let bytes = 0;
    const reading = async () => {
      const wire = Readable.from([bomb]);
      for await (const piece of decodedBody(wire, [coding], { ...room(), maxBytes: 2 ** 30, patience }))
        bytes += piece.length;
    };
    await refused(reading(), { type: "payload-too-large", data: { limit: 200 } });
    // The decoder stops as soon as it can see the bomb.
    expect(bytes).toBeLessThan(64 * MIB);
  });

  test("is decoded after another one that was applied later", async () => {
    const later = coding === "gzip" ? "br" : "gzip";
    const twice = later === "gzip" ? gzipSync(packed) : brotliCompressSync(packed);
    expect(await decodedOf([twice], [coding, later])).toEqual(text);
  });

  test("of random bytes is never more than malformed", async () => {
    for (let i = 0; i < 100; i++) {
      const noise = Buffer.concat([packed.subarray(0, i % packed.length), randomBytes(1 + (i % 50))]);
      await decodedOf([noise]).catch((error) => expect(error).toMatchObject(broken));
    }
  });
});

describe("Zstandard", () => {
  test("with a window that would cost us more than 8 MiB is refused with the cure", async () => {
    const params = { [constants.ZSTD_c_windowLog]: 24, [constants.ZSTD_c_contentSizeFlag]: 0 };
    const packed = createZstdCompress({ params });
    packed.end(randomBytes(32 * MIB));
    await refused(read(packed, ["zstd"], {}), { type: "malformed-body", message: /--long/ });
  });

  test("of skippable frames without content is refused once it is longer than the allowance", async () => {
    const skipped = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 1, 0]), Buffer.alloc(65_536)]);
    await refused(read(Readable.from(times(100, skipped)), ["zstd"], {}), {
      type: "payload-too-large",
      data: { limit: 4 },
    });
  });

  test("of very many frames is refused", async () => {
    const frames = Buffer.concat([...times(1_200, zstdCompressSync("1234567890\n"))]);
    await refused(read(Readable.from([frames]), ["zstd"], {}), { type: "malformed-body", message: /frames/ });
  });
});

describe("Brotli", () => {
  const text = Buffer.from('{"n":1}\n'.repeat(1_000));
  const packed = (bits: number) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_LGWIN]: bits } });
  const largest = packed(24);

  test("says the size of its window in its first byte", () => {
    for (let bits = 10; bits <= 24; bits++) expect(brotliWindow(packed(bits)[0] as number)).toBe(2 ** bits);
  });

  test("waits where the client's windows fill its room, however long, and for no other client", async () => {
    const windows = new Windows();
    const bodyOf = (wire: Readable, { client = 1, signal = new AbortController().signal, idleMs = 5_000 }) =>
      decodedBody(wire, ["br"], {
        ...room(windows, client),
        maxBytes: 2 ** 30,
        patience: { ...patience, idleMs },
        signal,
      });
    const readOf = async (...of: Parameters<typeof bodyOf>) => {
      const found: Buffer[] = [];
      for await (const piece of bodyOf(...of)) found.push(piece);
      return Buffer.concat(found);
    };
    const stops = Array.from({ length: 4 }, () => new AbortController());
    const stalled = stops.map(({ signal }) => {
      const wire = new PassThrough();
      wire.write(largest.subarray(0, -1));
      return readOf(wire, { signal }).catch((error: unknown) => error);
    });
    const given = new AbortController();
    const givenUp = readOf(Readable.from([largest]), { signal: given.signal });
    let isDone = false;
    // Decompressed data must come within this time, too, once there is room for it.
    const idleMs = onThisMachine(50);
    const next = readOf(Readable.from([largest]), { idleMs }).finally(() => {
      isDone = true;
    });
    const others = () => readOf(Readable.from([largest]), { client: 2 });
    for (let i = 0; i < 3; i++) expect(await others()).toEqual(text);
    await pause(3 * idleMs);
    expect(isDone).toBe(false);
    given.abort(new Error("the client has gone"));
    await expect(givenUp).rejects.toThrow("gone");
    expect(isDone).toBe(false);
    stops[0]?.abort(new Error("the first has gone"));
    expect(await next).toEqual(text);
    for (const stop of stops) stop.abort(new Error("stopped"));
    await Promise.all(stalled);
    const left = Array.from({ length: 4 }, () => readOf(Readable.from([largest]), {}));
    for (const one of await Promise.all(left)) expect(one).toEqual(text);
  });
});

describe("a slow body", () => {
  /** Yields a piece every few ms. */
  async function* trickle(body: Buffer, pieceBytes: number) {
    for (let at = 0; at < body.length; at += pieceBytes) {
      await pause(5);
      yield body.subarray(at, at + pieceBytes);
    }
  }
  const short = { windowMs: 100, windowBytes: 1_000 };
  const message = "The body came too slowly: expected 1000 bytes in 0.1 s. Send it again.";
  const tooSlow = { type: "upload-timeout", message };

  test.each<[Coding[]]>([[[]], [["gzip"]]])("ends where too little comes for long (%j)", async (applied) => {
    const body = randomBytes(20_000);
    const wire = Readable.from(trickle(applied.length > 0 ? gzipSync(body) : body, 1));
    await refused(read(wire, applied, short), tooSlow);
  });

  test("that brings enough goes on, window after window", async () => {
    const window = { ...short, windowMs: onThisMachine(100) };
    expect(await read(Readable.from(trickle(Buffer.alloc(300_000), 5_000)), [], window)).toBe(300_000);
  });

  test("is not slow where we do not read it", async () => {
    const wire = Readable.from(times(20, Buffer.alloc(10)));
    expect(await read(wire, [], { ...short, idleMs: 20, msBetween: 30 })).toBe(200);
  });

  test("that sends nothing ends", async () => {
    const silent = { type: "upload-timeout", message: "No byte of the body came for 0.05 s. Send it again." };
    await refused(read(new PassThrough(), [], { idleMs: 50 }), silent);
  });
});
