import { recordFaults } from "../check/record-faults.ts";
import { growthOf } from "../check/record-growth.ts";
import { type RecordNumbers, TooManyNumbers } from "../check/record-numbers.ts";
import { TextConversion } from "../check/text-conversion.ts";
import type { RecordFault, RecordValidator } from "../formats.ts";
import { CellTypes } from "./cell-types.ts";
import { checkTools, compilePrepared } from "./compile.ts";
import { prepareSchema } from "./prepare.ts";
import { isObject, walkSchema } from "./walk.ts";
import { MAX_WORK, WorkSpent, workOf } from "./work-budget.ts";

export { recordSchemaFaults } from "./faults.ts";

const NO_TYPES: ReadonlySet<unknown> = new Set();
const NO_OBJECT: RecordFault = { field: "", code: "malformed", message: "The record is not an object." };
const TOO_DEEP: RecordFault = {
  field: "",
  code: "$ref",
  message: "is nested too deeply for a schema that refers to itself",
};
const TOO_MUCH: RecordFault = {
  field: "",
  code: "too_large",
  message: `needs more than ${MAX_WORK} checks by its schema`,
};

/** A number that no double holds costs as much before its check as an ordinary record (see formats/check/pace.ts). */
const WORK_OF_NUMBER = 256;

/**
 * The validator of a partner's schema, which `recordSchemaFaults` has found right; throws on one that is not.
 * `coerce`: cells of CSV become the numbers and booleans that the schema wants.
 */
export function compileRecordSchema(schema: object, options: { coerce: boolean }): RecordValidator {
  const isTrivial = Object.keys(schema).length === 0;
  const prepared = prepareSchema(schema);
  const tools = checkTools();
  const { budget } = tools;
  const validate = isTrivial ? null : compilePrepared(prepared, tools);
  const types = options.coerce ? new CellTypes(prepared, tools) : null;
  const conversion = types === null ? null : new TextConversion(types);
  const size = sizeOf(schema);
  const validator = {
    schema,
    filled: false,
    growth: growthOf(schema),
    work: size,
    cellKinds(names: readonly string[]) {
      if (conversion === null || validate === null) return names.map(() => null);
      budget.left = MAX_WORK;
      try {
        return conversion.kindsOf(names);
      } catch (error) {
        if (error instanceof WorkSpent) return null;
        throw error;
      }
    },
    typesOf(name: string) {
      budget.left = MAX_WORK;
      try {
        return types?.of(name) ?? NO_TYPES;
      } catch (error) {
        if (error instanceof WorkSpent) return NO_TYPES;
        throw error;
      }
    },
    check(value: unknown, numbers: RecordNumbers, isConverted = false) {
      if (!isObject(value)) return [NO_OBJECT];
      validator.work = size + WORK_OF_NUMBER * numbers.size;
      if (validate === null) return null;
      budget.left = MAX_WORK;
      // The first row of a CSV meets all patterns twice: once for the types of its columns.
      let converting = 0;
      tools.filled.any = false;
      const faults = checked(() => {
        if (!isConverted) conversion?.convert(value, numbers);
        converting = MAX_WORK - budget.left;
        budget.left = MAX_WORK;
        tools.numbers.numbers = numbers.size > 0 ? numbers : null;
        return validate(value) ? null : recordFaults(value, validate.errors ?? [], numbers);
      });
      validator.work += converting + MAX_WORK - budget.left;
      validator.filled = tools.filled.any;
      return faults;
    },
  };
  return validator;
}

function checked(check: () => RecordFault[] | null): RecordFault[] | null {
  try {
    return check();
  } catch (error) {
    if (error instanceof RangeError) return [TOO_DEEP];
    if (error instanceof WorkSpent) return [TOO_MUCH];
    if (error instanceof TooManyNumbers) return [error.fault];
    throw error;
  }
}

/** What a check costs if no value is looked at twice. */
function sizeOf(schema: object): number {
  let size = 0;
  walkSchema(schema, (node) => {
    size += workOf(node);
  });
  return size;
}
