import { ConnectionError } from "sequelize";
import { DatabaseUnavailable } from "./errors.ts";

/** Also true for what Sequelize made of it: there the cause is the error's `parent`, and no free connection has a name of its own. */
export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailable ||
    error instanceof ConnectionError ||
    (error as { parent?: unknown } | null)?.parent instanceof DatabaseUnavailable
  );
}
