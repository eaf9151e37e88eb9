import { describePostgres, freshPostgres } from "../../helpers/database.ts";
import { storeConformance } from "./conformance.ts";

describePostgres("PostgreSQL", () => storeConformance("postgres", freshPostgres));
