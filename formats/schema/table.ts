import { _, type Code, type CodeKeywordDefinition } from "ajv/dist/2020.js";

type CodeGen = Parameters<CodeKeywordDefinition["code"]>[0]["gen"];

/**
 * What the generated code of one Ajv calls, all of it behind one name. Ajv would give each function a name of its own, and
 * takes the square of their number to declare them: 4 s for 4,000 limits.
 */
export class CodeTable {
  readonly #values: unknown[] = [];

  /** The value, as the generated code has it. */
  add(gen: CodeGen, value: unknown): Code {
    const index = this.#values.push(value) - 1;
    return _`${gen.scopeValue("obj", { ref: this.#values })}[${index}]`;
  }
}
