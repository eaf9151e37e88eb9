import { ConnectionError } from "sequelize";
import { DatabaseUnavailable } from "./errors.ts";

/** Whether the database is away. Sequelize's errors keep the cause as `parent`, and have a class of their own for "no free connection". */
export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailable ||
    error instanceof ConnectionError ||
    (error as { parent?: unknown } | null)?.parent instanceof DatabaseUnavailable
  );
}
