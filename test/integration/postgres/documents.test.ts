/**
 * The promise: the SQL for PostgreSQL in the documents is right. The test runs it with other names, in a transaction that it
 * rolls back.
 */
import { QueryTypes } from "sequelize";
import { openDatabase } from "../../../database/database.ts";
import { blocksOf, pageOf } from "../../e2e/docs.kit.ts";
import { describePostgres, freshSchema } from "../../helpers/database.ts";

const name = `dataflow_docs_${process.pid}`;
const sqlOf = (page: string) => blocksOf(pageOf(page), "sql").map(([, text]) => text);
const [roles = "", figures = ""] = sqlOf("docs/postgresql.md");
const [limits = ""] = sqlOf("docs/many-nodes.md");
const applied = sqlOf("docs/tables.md").find((block) => block.includes("dataflow_applied")) ?? "";

describePostgres("what a DBA runs", () => {
  test("makes roles with these rights, their limits and the schema", async () => {
    const schema = await freshSchema();
    const database = await openDatabase({ url: schema.url });
    const own = (block: string) =>
      block
        .replaceAll(/\bdataflow(_migrate)?\b(?!_applied)/g, `${name}$1`)
        // Left out: `\c` is a command of psql, and CREATE DATABASE cannot run in a transaction.
        .replaceAll(/^(\\c|CREATE DATABASE) .*$/gm, "");
    const transaction = await database.sequelize.transaction();
    try {
      const run = (text: string) => database.sequelize.query(text, { transaction });
      await run(own(roles));
      await run(`SET LOCAL ROLE ${name}_migrate; CREATE TABLE ${name}.batch (id bigserial); RESET ROLE`);
      await run(`SET LOCAL search_path = ${name}; CREATE TABLE dataflow_applied (id int); ${own(applied)}`);
      await run(own(limits));
      await run(`SET LOCAL ROLE ${name}; INSERT INTO ${name}.batch DEFAULT VALUES; DELETE FROM ${name}.batch`);
      await run("DELETE FROM dataflow_applied; RESET ROLE");
      await run(figures);
      const text =
        "SELECT unnest(setconfig) AS one FROM pg_db_role_setting JOIN pg_roles ON oid = setrole WHERE rolname = :name";
      const found = await database.sequelize.query(text, {
        transaction,
        replacements: { name },
        type: QueryTypes.SELECT,
      });
      expect(found).toEqual(
        [
          "lock_timeout=5s",
          "statement_timeout=9s",
          "idle_in_transaction_session_timeout=10s",
          `search_path=${name}`,
        ].map((one) => ({ one })),
      );
    } finally {
      await transaction.rollback();
      await database.close();
      await schema.drop();
    }
  });
});
