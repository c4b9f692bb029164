// Drizzle's migrator, as a service calls it at its start:
//
//	node migrate.mjs INSTALLATION CONNECTION FOLDER
//
// INSTALLATION is the folder with its node_modules; one script serves both
// generations.  Exits with 1 and the error.
import { createRequire } from "node:module";

const [installation, connectionString, migrationsFolder] = process.argv.slice(2);
const require = createRequire(`${installation}/package.json`);
const { Pool } = require("pg");
const { drizzle } = require("drizzle-orm/node-postgres");
const { migrate } = require("drizzle-orm/node-postgres/migrator");

const client = new Pool({ connectionString, max: 1 });
client.on("error", () => {});
try {
	await migrate(drizzle({ client }), { migrationsFolder });
} catch (error) {
	console.error(error.cause?.message ?? error.message);
	process.exitCode = 1;
} finally {
	await client.end();
}
