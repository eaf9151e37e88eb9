/** The promise: a body in any encoding is split as the same text in UTF-8, in whatever pieces it comes. */
import { contentOf } from "../../../formats/content.ts";
import { decodedFirst, encodingOf, Transcoder } from "../../../formats/encoding/transcoder.ts";
import { createSplitter } from "../../../formats/parts.ts";
import { oneByte, refusal, split, wide } from "./split-kit.ts";

function decoded(body: Buffer, declared: string, pieceBytes: number): Buffer {
  const transcoder = new Transcoder(declared);
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += pieceBytes) parts.push(transcoder.push(body.subarray(at, at + pieceBytes)));
  return Buffer.concat([...parts, transcoder.end()]);
}

const text = "id;name\n1;Zoë 😀 €\n";
const utf16be = (of: string) => Buffer.from(of, "utf16le").swap16();
const bom = Buffer.from("\ufeff");

test.each<[string, Buffer, string, string]>([
  ["UTF-8", Buffer.from(text), "utf-8", text],
  ["UTF-16LE with a BOM", Buffer.from(`\ufeff${text}`, "utf16le"), "utf-8", text],
  ["UTF-16BE with a BOM, declared otherwise", utf16be(`\ufeff${text}`), "windows-1252", text],
  ["UTF-16LE, declared", Buffer.from(text, "utf16le"), "utf-16le", text],
  ["UTF-16BE, declared", utf16be(text), "utf-16be", text],
  ["UTF-8 with a BOM, declared otherwise", Buffer.concat([bom, Buffer.from(text)]), "windows-1252", `\ufeff${text}`],
  ["windows-1252", Buffer.from([0x35, 0x80, 0x81, 0xe9]), "windows-1252", "5€\u0081é"],
  ["ISO-8859-16", Buffer.from([0xa4, 0xb4]), "iso-8859-16", "€Ž"],
  ["Shift_JIS", Buffer.from([0x41, 0x83, 0x5c, 0x0a]), "shift_jis", "Aソ\n"],
  ["ISO-2022-JP", Buffer.from("\u001b$B%=\u001b(B,1", "latin1"), "iso-2022-jp", "ソ,1"],
  ["GB18030", Buffer.from([0x81, 0x30, 0x81, 0x30, 0xc4, 0xe3]), "gb18030", "\u0080你"],
])("%s", (_name, body, declared, wanted) => {
  for (const pieceBytes of [1, 2, 3, 1000]) expect(decoded(body, declared, pieceBytes).toString()).toBe(wanted);
});

test.each<[string, Buffer, string, (string | number)[]]>([
  ["a lone surrogate", Buffer.from("a\ud800b\udc00\ufffd", "utf16le"), "utf-16le", ["a", 0xff, "b", 0xff, "\ufffd"]],
  ["half a code unit", Buffer.from([0x61, 0, 0x62]), "utf-16le", ["a", 0xff]],
  ["a byte that ISO-8859-3 lacks", Buffer.from([0x61, 0xa5, 0x62]), "iso-8859-3", ["a", 0xff, "b"]],
  [
    "half a letter before a delimiter",
    Buffer.from([0x81, 0x2c, 0x81, 0x0a, 0x81]),
    "shift_jis",
    [0xff, ",", 0xff, "\n", 0xff],
  ],
])("%s becomes a byte that is no UTF-8, and swallows nothing", (_name, body, declared, wanted) => {
  const bytes = Buffer.concat(wanted.map((one) => (typeof one === "string" ? Buffer.from(one) : Buffer.of(one))));
  for (const pieceBytes of [1, 2, 3, 1000]) expect(decoded(body, declared, pieceBytes)).toEqual(bytes);
});

test("UTF-8 is not copied", () => {
  const transcoder = new Transcoder("utf-8");
  transcoder.push(Buffer.from("four"));
  const piece = Buffer.from("more");
  expect(transcoder.push(piece)).toBe(piece);
});

test("labels of the Encoding Standard are known in any case; encodings that we cannot read are not", () => {
  expect(["Latin1", "UTF8", "ascii", "sjis", " l9 ", "utf-16"].map(encodingOf)).toEqual([
    "windows-1252",
    "utf-8",
    "windows-1252",
    "shift_jis",
    "iso-8859-15",
    "utf-16le",
  ]);
  expect(["utf-8-sig", "klingon", "utf-7", "utf-32", "hz-gb-2312", "replacement", ""].map(encodingOf)).toEqual(
    Array(7).fill(null),
  );
});

test("text of every format is decoded by its BOM", () => {
  for (const piece of [undefined, oneByte]) {
    const json = split("json", utf16be('\ufeff[{"a":"é"}]'), { piece });
    expect(json.chunks[0]?.data.toString()).toBe('{"a":"é"}\n');
    const ndjson = split("ndjson", Buffer.from('\ufeff{"a":"é"}\n', "utf16le"), { piece });
    expect(ndjson.chunks[0]?.data.toString()).toBe('{"a":"é"}\n');
  }
  // A request may also declare the encoding that its BOM shows.
  for (const label of ["utf-8", "UTF-16", "utf-16be", "us-ascii"])
    expect(contentOf(`application/json; charset=${label}`)).toEqual({ format: "json" });
  expect(refusal(() => contentOf("application/json; charset=latin1"))).toMatchObject({
    code: "unsupported-media-type",
  });
});

test("a parameter that is there twice is refused: one of them would be wrong", () => {
  for (const twice of [
    "charset=utf-8; Charset=latin1",
    "delimiter=comma; delimiter=tab",
    "header=present; header=absent",
  ])
    expect(refusal(() => contentOf(`text/csv; ${twice}`))).toMatchObject({ code: "unsupported-media-type" });
});

test("UTF-32 is refused, because as UTF-16 it would be other text", () => {
  const utf32 = Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]);
  expect(refusal(() => split("csv", utf32))).toMatchObject({ code: "malformed-body" });
});

test("a body shorter than a BOM is read at its end", () => {
  const splitter = decodedFirst(createSplitter("ndjson", wide), "utf-8");
  expect([...splitter.push(Buffer.from("{}")), ...splitter.end()]).toMatchObject([{ records: 1 }]);
});
