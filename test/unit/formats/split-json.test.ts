import { lines, oneByte, refusal, split } from "./split-kit.ts";

const malformed = (offset: number) => ({ code: "malformed-body", offset });
const invalid = (pointer: string, detail: unknown = expect.any(String)) => ({
  code: "validation",
  errors: [{ pointer, detail }],
});

describe("JSON", () => {
  test("each element of the array is a line, whatever its type", () => {
    const body = ' [ {"a":[1,{"b":"]}"}]} ,"x\\"]",-1.5e3 , null,[],true\n]\r\n';
    for (const piece of [undefined, oneByte]) {
      const result = split("json", body, { piece });
      expect(lines(result)).toEqual(['{"a":[1,{"b":"]}"}]}', '"x\\"]"', "-1.5e3", "null", "[]", "true"]);
      expect(result.chunks).toMatchObject([{ firstRecord: 1, firstLine: null, records: 6, oversized: [] }]);
      expect(result).toMatchObject({ records: 6, envelope: {} });
    }
  });

  test("the array may be under the key records; the BOM is dropped", () => {
    for (const body of ['{"records":[1,2]}', '\ufeff\n{ "records" : [ 1 , 2 ] }\n', '{"\\u0072ecords":[1,2]}']) {
      for (const piece of [undefined, oneByte]) expect(lines(split("json", body, { piece }))).toEqual(["1", "2"]);
    }
  });

  test("line ends become spaces; a line end inside a string, which JSON forbids, stays wrong", () => {
    for (const piece of [undefined, oneByte]) {
      const result = split("json", '[{\r\n"a":\n1},"b\nc","d\\\re",\n2\n]', { piece });
      expect(result.chunks[0]?.data.toString()).toBe('{  "a": 1}\n"b\vc"\n"d\\\ve"\n2\n');
    }
  });

  test("wrong elements in a right structure are left to the record checker", () => {
    expect(lines(split("json", '[nul,{"a" 1,,},a:b,+1,{"a":"\\x"}]'))).toEqual([
      "nul",
      '{"a" 1,,}',
      "a:b",
      "+1",
      '{"a":"\\x"}',
    ]);
  });

  test.each([
    ["x", 0],
    ['"a"', 0],
    ["[", 1],
    ["[1", 2],
    ["[1,", 3],
    ['["a', 3],
    ["[{}", 3],
    ['{"records":[1]', 14],
    ['{"rec', 5],
    ["[1,]", 3],
    ["[,1]", 1],
    ["[1,,2]", 3],
    ["[1 2]", 3],
    ["[{} {}]", 4],
    ["[{}{}]", 3],
    ['[1"a"]', 2],
    ["[1}", 2],
    ["[{]]", 2],
    ["[[1}]", 3],
    ["[1]]", 3],
    ["[1] x", 4],
    ["[1][2]", 3],
    ['{"records":[1]]', 14],
    ['{"records":[1]} {}', 16],
    ['{"records":[1],}', 15],
    ['{"records" [1]}', 11],
    ['{"records":,', 11],
    ["{1:2}", 1],
    ['{"a\nb":1}', 5],
    ["\ufeff[1,]", 6],
  ])("%j is refused at byte %i", (body, offset) => {
    expect(refusal(() => split("json", body))).toEqual(malformed(offset));
    expect(refusal(() => split("json", body, { piece: oneByte }))).toEqual(malformed(offset));
  });

  test.each([
    ['{"records":{}}', "/records"],
    ['{"records":null}', "/records"],
    ['{"records":[1],"records":[2]}', "/records"],
    ['{"rows":[1],"records":[]}', "/rows"],
    ['{"records":[1],"next/~":2}', "/next~1~0"],
    ['{"":1,"records":[]}', "/"],
    [`{"records":[1],"${"k".repeat(1e6)}`, `/${"k".repeat(257)}`],
  ])("a wrong field, case %#", (body, pointer) => {
    expect(refusal(() => split("json", body))).toEqual(invalid(pointer));
    expect(refusal(() => split("json", body, { piece: oneByte }))).toEqual(invalid(pointer));
  });

  test("an unknown field is reported by its name", () => {
    expect(refusal(() => split("json", '{"a":1,"records":[]}'))).toEqual(invalid("/a", "unknown field"));
  });

  test("nesting to 1,000 passes, deeper is refused", () => {
    const nested = (depth: number) => `[${"[".repeat(depth)}${"]".repeat(depth)}]`;
    expect(split("json", nested(1000)).records).toBe(1);
    expect(refusal(() => split("json", nested(1001)))).toEqual(malformed(1001));
  });

  test("no record at all", () => {
    for (const body of ["", " \n", "[]", " [ ] ", '{"records":[]}', "\ufeff"]) {
      expect(refusal(() => split("json", body))).toEqual({ code: "empty-body" });
    }
  });

  test("too many, too long", () => {
    expect(refusal(() => split("json", "[1,2,3]", { maxRecords: 2 }))).toEqual({ code: "too-many-records", limit: 2 });
    const text = (length: number) => `"${"x".repeat(length - 2)}"`;
    for (const piece of [undefined, oneByte]) {
      const result = split("json", `[1,${text(2000)},${text(2001)},${text(9000)},4]`, { maxRecordBytes: 2000, piece });
      expect(result.chunks).toMatchObject([{ records: 5, oversized: [2, 3] }]);
      const kept = text(2001).slice(0, 1024);
      expect(lines(result)).toEqual(["1", text(2000), kept, kept, "4"]);
    }
  });
});
