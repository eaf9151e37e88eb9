/** Records that delete their row (`table.delete`): of the schema only the key's fields and the marker are checked. */
import type { TablePlan } from "../../database/targets/target.ts";
import { isMarkedForDelete } from "../../database/targets/values.ts";
import type { RecordFault, RecordValidator } from "../../formats/formats.ts";

const known = new WeakMap<TablePlan, WeakMap<RecordValidator, RecordValidator>>();

/** The validator for records of the plan: the same one where no record deletes its row. */
export function validatorFor(plan: TablePlan, validator: RecordValidator): RecordValidator {
  if (plan.delete === null) return validator;
  const ofPlan = known.get(plan) ?? new WeakMap<RecordValidator, RecordValidator>();
  known.set(plan, ofPlan);
  const sparing = ofPlan.get(validator) ?? sparingDeletes(plan, validator);
  ofPlan.set(validator, sparing);
  return sparing;
}

/** All else is the validator's own, as of its last check. */
function sparingDeletes(plan: TablePlan, validator: RecordValidator): RecordValidator {
  const fields = fieldsChecked(plan);
  const isChecked = ({ field }: RecordFault) => fields.some((one) => isAtOrIn(field, one));
  const check: RecordValidator["check"] = (value, numbers, isConverted) => {
    const faults = validator.check(value, numbers, isConverted);
    if (faults === null || !isMarkedForDelete(plan, value)) return faults;
    const left = faults.filter(isChecked);
    return left.length > 0 ? left : null;
  };
  return Object.create(validator, { check: { value: check } }) as RecordValidator;
}

/** The fields by the names that faults use. */
function fieldsChecked({ columns, key, delete: marker }: TablePlan): string[] {
  const ofKey = columns.flatMap(({ column, source }) =>
    key.includes(column.name) && "path" in source ? [source.path.join(".")] : [],
  );
  return marker ? [...ofKey, marker.path.join(".")] : ofKey;
}

const isAtOrIn = (field: string, one: string): boolean =>
  field === one || field.startsWith(`${one}.`) || field.startsWith(`${one}[`);
