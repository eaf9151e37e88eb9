/** Records that delete their row (`table.delete`). The schema check covers only their key fields and the marker. */
import type { TablePlan } from "../../database/targets/target.ts";
import { isMarkedForDelete } from "../../database/targets/values.ts";
import type { RecordFault, RecordValidator } from "../../formats/formats.ts";

const known = new WeakMap<TablePlan, WeakMap<RecordValidator, RecordValidator>>();

/** The validator for records of the plan. If no record can delete its row, it is the given validator. */
export function validatorFor(plan: TablePlan, validator: RecordValidator): RecordValidator {
  if (plan.delete === null) return validator;
  const ofPlan = known.get(plan) ?? new WeakMap<RecordValidator, RecordValidator>();
  known.set(plan, ofPlan);
  const sparing = ofPlan.get(validator) ?? sparingDeletes(plan, validator);
  ofPlan.set(validator, sparing);
  return sparing;
}

/** All other members are those of the given validator after its last check. */
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

/** The fields, by the names that faults show. */
function fieldsChecked({ columns, key, delete: marker }: TablePlan): string[] {
  const ofKey = columns.flatMap(({ column, source }) =>
    key.includes(column.name) && "path" in source ? [source.path.join(".")] : [],
  );
  return marker ? [...ofKey, marker.path.join(".")] : ofKey;
}

const isAtOrIn = (field: string, one: string): boolean =>
  field === one || field.startsWith(`${one}.`) || field.startsWith(`${one}[`);
