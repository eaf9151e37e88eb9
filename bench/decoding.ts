/**
 * What the compression or the character encoding of a body costs. The CSV is the same; the clock runs from the first byte of the
 * POST until the batch is stored.
 */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { newPartner, slices, upload } from "./kit/http.ts";
import { cpuOf, startNode } from "./kit/node.ts";
import { orderSchema, ordersBody } from "./kit/orders.ts";
import { type Benchmark, inTurns, type Line, median, rate } from "./kit/report.ts";

interface Form {
  label: string;
  bytes: Buffer;
  headers?: Record<string, string>;
}

const MB = 1e6;

function formsOf(csv: Buffer): Record<string, Form> {
  const coded = (encoding: string, bytes: Buffer): Form => ({
    label: encoding,
    bytes,
    headers: { "content-encoding": encoding },
  });
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
  return {
    plain: { label: "UTF-8, not compressed", bytes: csv },
    utf16: { label: "UTF-16LE with its BOM", bytes: Buffer.from(`\ufeff${csv}`, "utf16le") },
    windows: {
      label: "windows-1252",
      bytes: Buffer.from(csv.toString(), "latin1"),
      headers: { "content-type": "text/csv; charset=windows-1252" },
    },
    gzip: coded("gzip", gzipSync(csv)),
    deflate: coded("deflate", deflateSync(csv)),
    zstd: coded("zstd", zstdCompressSync(csv)),
    br: coded("br", brotliCompressSync(csv, quality)),
  };
}

export const decoding: Benchmark = async ({ size, rounds }) => {
  const rows = size === "quick" ? 100_000 : 400_000;
  const times = rounds ?? (size === "quick" ? 3 : 7);
  const csv = ordersBody("csv", rows);
  const forms = formsOf(csv);
  const node = await startNode();
  // The batches wait for an approval, so no worker processes one while the next upload is measured.
  const partner = await newPartner(node.url, { schema: orderSchema, requiresApproval: true });
  const cpu: Record<string, number[]> = {};
  const stored = async ({ label, bytes, headers }: Form, isWarmUp: boolean) => {
    const [began, cpuBefore] = [performance.now(), cpuOf(node.pid)];
    const { counts } = await upload(partner, "csv", slices(bytes), headers);
    const seconds = (performance.now() - began) / 1000;
    if (!isWarmUp) cpu[label] = [...(cpu[label] ?? []), cpuOf(node.pid) - cpuBefore];
    if (counts.received !== rows) throw new Error(`${counts.received} of ${rows} records were received.`);
    return csv.length / MB / seconds;
  };
  const figures = await inTurns(
    times,
    Object.fromEntries(Object.entries(forms).map(([name, form]) => [name, (isWarmUp) => stored(form, isWarmUp)])),
  );
  await node.stop();
  const plain = figures.plain as number[];
  // The rate counts the bytes of the text in UTF-8, so that all forms are compared by the same records.
  const lines = Object.entries(forms).map(([name, { label, bytes }]): Line => {
    const values = figures[name] as number[];
    const percent = (100 * median(values)) / median(plain);
    return {
      label: `${label}, ${(bytes.length / MB).toFixed(1)} MB`,
      figure: rate(values, "MB/s of text"),
      ratio: `${percent.toFixed(0)} % of plain; CPU of the node ${median(cpu[label] as number[]).toFixed(0)} ms`,
    };
  });
  return {
    title: `decoding: ${rows.toLocaleString("en-US")} orders as CSV, until they are stored; ${times} rounds`,
    lines,
  };
};
