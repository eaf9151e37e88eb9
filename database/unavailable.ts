import { ConnectionError } from "sequelize";
import { DatabaseUnavailable } from "./errors.ts";

/** Also true for the errors of Sequelize: they keep the cause as `parent`, and have a class of their own for "no free connection". */
export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailable ||
    error instanceof ConnectionError ||
    (error as { parent?: unknown } | null)?.parent instanceof DatabaseUnavailable
  );
}
