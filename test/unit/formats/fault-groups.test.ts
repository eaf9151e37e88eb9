/** The promise: faults are counted by field and code, exactly, with limited room for names that come from outside. */
import type { RecordFault } from "../../../formats/check/fault-bounds.ts";
import { FaultGroups, MAX_GROUPS, SHOWN_GROUPS } from "../../../formats/check/fault-groups.ts";

const fault = (field: string, code = "type", more: Partial<RecordFault> = {}): RecordFault => ({
  field,
  code,
  message: `${code} of ${field}`,
  ...more,
});
const groupsOf = (...records: [number, ...RecordFault[]][]): FaultGroups => {
  const groups = new FaultGroups();
  for (const [record, ...errors] of records) groups.add({ record, line: record + 1, errors });
  return groups;
};

describe("FaultGroups", () => {
  it("adds up the faults of one field and code, whichever place of an array they are at", () => {
    const { groups } = groupsOf(
      [3, fault("tags[0]", "type", { value: "1" }), fault("tags[12]", "type", { value: "2" })],
      [7, fault("tags[0]", "type", { value: "1" }), fault("tags[0]", "minLength")],
    );
    expect(groups).toEqual([
      {
        field: "tags[]",
        code: "type",
        count: 3,
        firstRecord: 3,
        firstLine: 4,
        message: "type of tags[0]",
        values: ["1", "2"],
      },
      {
        field: "tags[]",
        code: "minLength",
        count: 1,
        firstRecord: 7,
        firstLine: 8,
        message: "minLength of tags[0]",
        values: [],
      },
    ]);
  });

  it("keeps five different values", () => {
    const groups = groupsOf(
      ...[1, 1, 2, 3, 4, 5, 6].map((n): [number, RecordFault] => [n, fault("a", "b", { value: `${n}` })]),
    );
    expect(groups.groups[0]?.values).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("keeps texts short", () => {
    const long = "x".repeat(5000);
    const [group] = groupsOf([1, { field: long, code: long, message: long, value: long }]).groups;
    expect([group?.field, group?.code, group?.message, group?.values[0]].map((text) => text?.length)).toEqual([
      1000, 255, 1000, 100,
    ]);
  });

  it("counts a record without a fault as one fault of the whole record", () => {
    expect(groupsOf([4]).groups).toMatchObject([{ field: "", code: "rejected", count: 1, firstRecord: 4 }]);
  });

  it("counts faults as other where no further group has room, and goes on to count the groups it has", () => {
    const groups = new FaultGroups();
    for (let n = 0; n < MAX_GROUPS + 5; n++) groups.add({ record: n, line: null, errors: [fault(`f${n}`)] });
    groups.add({ record: 5000, line: null, errors: [fault("f0")] });
    expect(groups).toMatchObject({ other: 5, total: MAX_GROUPS + 6 });
    expect(groups.groups[0]).toMatchObject({ field: "f0", count: 2 });
  });

  it("merges two: counts add up, and the earlier record gives the texts, whichever comes first", () => {
    const late = () => groupsOf([9, { ...fault("a", "type", { value: "late" }), message: "late" }], [9, fault("b")]);
    const early = () => groupsOf([2, { ...fault("a", "type", { value: "early" }), message: "early" }]);
    for (const [first, second] of [
      [late(), early()],
      [early(), late()],
    ] as const) {
      first.merge(second);
      expect(first.groups).toContainEqual({
        field: "a",
        code: "type",
        count: 2,
        firstRecord: 2,
        firstLine: 3,
        message: "early",
        values: ["early", "late"],
      });
      expect(first.total).toBe(3);
    }
  });

  it("merges what is other", () => {
    const full = new FaultGroups(1);
    full.merge(groupsOf([1, fault("a"), fault("b"), fault("c")]));
    const twice = new FaultGroups(1);
    twice.merge(full);
    twice.merge(full);
    expect(twice).toMatchObject({ other: 4, total: 6 });
  });

  it("shows the largest groups first, the earlier of equal ones, and the rest as other", () => {
    const groups = groupsOf([1, fault("a")], [2, fault("b")], [3, fault("b"), fault("c")]);
    expect(groups.summary()).toMatchObject({
      total: 4,
      groups: [{ field: "b" }, { field: "a" }, { field: "c" }],
      other: { count: 0 },
    });
    for (let n = 0; n < SHOWN_GROUPS; n++) groups.add({ record: 10 + n, line: null, errors: [fault(`f${n}`)] });
    expect(groups.summary()).toMatchObject({ total: 204, other: { count: 3 } });
    expect(groups.summary().groups).toHaveLength(SHOWN_GROUPS);
  });
});
