import { _, type Ajv2020, type CodeKeywordDefinition, Name, nil, type ValidateFunction } from "ajv/dist/2020.js";
import { callValidateCode } from "ajv/dist/vocabularies/code.js";
import type { PreparedSchema } from "./prepare.ts";
import { CodeTable } from "./values.ts";
import { isObject, type SchemaNode } from "./walk.ts";

/** The place of a function that others call. Functions may call each other, so the place exists before the function. */
interface Slot {
  validate?: ValidateFunction;
}

/** An Ajv whose functions fill in defaults, or one whose do not; `$ref` is the keyword that calls other functions. */
export type AjvMaker = (fills: boolean, $ref: CodeKeywordDefinition, table: CodeTable) => Ajv2020;

/**
 * The functions of one schema: one for its root, and one for each schema that a reference leads to. Each is compiled by
 * itself, since Ajv follows a chain of references by recursion, and overflows the stack at some hundred.
 */
export class SchemaFunctions {
  readonly #prepared: PreparedSchema;
  readonly #ajvOf: AjvMaker;
  readonly #ajvs = new Map<boolean, Ajv2020>();
  readonly #slots = new Map<boolean, Map<unknown, Slot>>();
  readonly #due: (() => void)[] = [];

  constructor(prepared: PreparedSchema, ajvOf: AjvMaker) {
    this.#prepared = prepared;
    this.#ajvOf = ajvOf;
  }

  /** The function of the root schema. Throws Ajv's errors. */
  compile(): ValidateFunction {
    const { root, branches } = this.#prepared;
    const slot = this.#slot(root, true);
    for (const branch of branches) this.#slot(this.#target(branch), false);
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) next();
    return slot.validate as ValidateFunction;
  }

  /** The verdict of a branch that has a function of its own. */
  isValid(schema: unknown, value: unknown): boolean {
    if (!isObject(schema)) return schema !== false;
    return this.#slots.get(false)?.get(this.#target(schema))?.validate?.(value) === true;
  }

  /** A function that is called for the first time is compiled next. */
  #slot(schema: unknown, wantsDefaults: boolean): Slot {
    const fills = wantsDefaults && this.#prepared.hasDefaults;
    const slots = this.#slots.get(fills) ?? new Map<unknown, Slot>();
    this.#slots.set(fills, slots);
    const known = slots.get(schema);
    if (known !== undefined) return known;
    const slot: Slot = {};
    slots.set(schema, slot);
    this.#due.push(() => {
      slot.validate = this.#ajv(fills).compile(schema as SchemaNode);
    });
    return slot;
  }

  #ajv(fills: boolean): Ajv2020 {
    const table = new CodeTable();
    const ajv = this.#ajvs.get(fills) ?? this.#ajvOf(fills, this.#keyword(fills, table), table);
    this.#ajvs.set(fills, ajv);
    return ajv;
  }

  #target = (node: SchemaNode): unknown => this.#prepared.targets.get(node)?.[0]?.schema;

  /** `$ref` calls the function of the slot. For a branch with its own function only the result counts, not its errors. */
  #keyword(fills: boolean, table: CodeTable): CodeKeywordDefinition {
    return {
      keyword: "$ref",
      schemaType: "string",
      code: (cxt) => {
        const { gen } = cxt;
        const node = cxt.parentSchema as SchemaNode;
        const slot = this.#slot(this.#target(node), fills && !this.#prepared.branches.has(node));
        const validate = _`${table.add(gen, slot)}.validate`;
        cxt.result(callValidateCode(cxt, validate, nil), undefined, () => {
          const found = _`${validate}.errors`;
          gen.assign(vErrors, _`${vErrors} === null ? ${found} : ${vErrors}.concat(${found})`);
          gen.assign(errors, _`${vErrors}.length`);
        });
      },
    };
  }
}

/** Ajv's own names in the code that it generates. */
const vErrors = new Name("vErrors");
const errors = new Name("errors");
