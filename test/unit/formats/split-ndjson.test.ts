import { lines, oneByte, refusal, split } from "./split-kit.ts";

test("a chunk has fewer records if the schema's defaults make them longer", () => {
  const { chunks } = split("ndjson", "{}\n".repeat(500), { recordGrowth: 20_000 });
  expect(chunks.map(({ records }) => records)).toEqual([53, 53, 53, 53, 53, 53, 53, 53, 53, 23]);
});

describe("NDJSON", () => {
  test("a line is a record; the last one may lack its LF", () => {
    const result = split("ndjson", '{"a":1}\n[2]\n3');
    expect(lines(result)).toEqual(['{"a":1}', "[2]", "3"]);
    expect(result.chunks).toMatchObject([{ no: 0, firstRecord: 1, firstLine: 1, records: 3, oversized: [] }]);
    expect(result).toMatchObject({ records: 3, envelope: {} });
  });

  test("CR LF ends a line as well, and the BOM is dropped, also byte by byte", () => {
    for (const piece of [undefined, oneByte]) {
      const [chunk] = split("ndjson", "\ufeff1\r\n2\r\n", { piece }).chunks;
      expect(chunk?.data.toString()).toBe("1\r\n2\r\n");
    }
    expect(lines(split("ndjson", Buffer.from([0xef, 0xbb]), { piece: oneByte }))).toHaveLength(1);
  });

  test("blank lines are not records, but count as lines", () => {
    const { chunks } = split("ndjson", "\n \t\r\n1\n\n  \n2\n\n3\n\n", { chunkRecords: 2 });
    expect(chunks.map((chunk) => chunk.data.toString())).toEqual(["1\n\n  \n2\n", "3\n\n"]);
    expect(chunks).toMatchObject([
      { no: 0, firstRecord: 1, firstLine: 3, records: 2 },
      { no: 1, firstRecord: 3, firstLine: 8, records: 1 },
    ]);
  });

  test("a record at the limit passes, without counting CR LF; a longer one keeps its first bytes", () => {
    const fits = "x".repeat(2000);
    for (const piece of [undefined, oneByte]) {
      const result = split("ndjson", `${fits}\r\n${fits}y\n1\n${fits}yz`, { maxRecordBytes: 2000, piece });
      expect(result.chunks).toMatchObject([{ records: 4, oversized: [1, 3] }]);
      const cut = "x".repeat(1024);
      expect(result.chunks[0]?.data.toString()).toBe(`${fits}\r\n${cut}\n1\n${cut}\n`);
    }
  });

  test("a record after too many blanks is not a blank line; blanks alone are", () => {
    const spaces = " ".repeat(3000);
    const result = split("ndjson", `1\n${spaces}{}\n${spaces}\n2\n`, { maxRecordBytes: 2000 });
    expect(result.chunks).toMatchObject([{ records: 3, oversized: [1] }]);
    expect(result.chunks[0]?.data.toString()).toBe("1\n?\n\n2\n");
  });

  test("no record at all", () => {
    for (const body of ["", "\n\r\n", "\ufeff", "  "]) {
      expect(refusal(() => split("ndjson", body))).toEqual({ code: "empty-body" });
    }
  });

  test("too many records", () => {
    expect(split("ndjson", "1\n2\n3\n", { maxRecords: 3 }).records).toBe(3);
    for (const body of ["1\n2\n3\n4\n", "1\n2\n3\n4", "1\n2\n3\n\n 4\n"]) {
      expect(refusal(() => split("ndjson", body, { maxRecords: 3 }))).toEqual({ code: "too-many-records", limit: 3 });
    }
  });

  test("NUL and invalid UTF-8 pass", () => {
    const body = Buffer.from([0, 0xff, 10, 0xc3, 10]);
    expect(split("ndjson", body).chunks[0]?.data.equals(body)).toBe(true);
  });
});
