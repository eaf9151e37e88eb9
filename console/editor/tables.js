/** The tables of the database, and the table that a draft names. */

/** @typedef {{ name: string, columns: { name: string }[] }} TableThere */

/** The schemas in which PostgreSQL, SQL Server and SQLite look for a table that is named without one. */
const USUAL_SCHEMA = /^(public|dbo|main)\./;

/** Whether both names mean the same table: `public.orders` is `orders`. @param {string} listed @param {unknown} written */
export const isSameTable = (listed, written) =>
  typeof written === "string" && listed.replace(USUAL_SCHEMA, "") === written.replace(USUAL_SCHEMA, "");

/**
 * The names of all tables. The draft's table has its name as the draft writes it.
 * @param {TableThere[]} tables
 * @param {unknown} written
 */
export const namesOf = (tables, written) =>
  tables.map(({ name }) => (isSameTable(name, written) ? /** @type {string} */ (written) : name));
