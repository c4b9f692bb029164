// What node-postgres and Drizzle say of a key that is not there: alone, and at
// COMMIT.
//
//	node violations.mjs INSTALLATION CONNECTION TABLE TABLE_CHECKED_AT_COMMIT
//
// INSTALLATION is the folder with its node_modules.  A line of JSON a case.
import { createRequire } from "node:module";

const [installation, connectionString, table, late] = process.argv.slice(2);
const require = createRequire(`${installation}/package.json`);
const { Pool, DatabaseError } = require("pg");
const { sql } = require("drizzle-orm");
const { drizzle } = require("drizzle-orm/node-postgres");
const { pgSchema, uuid } = require("drizzle-orm/pg-core");

const there = "00000000-0000-4000-8000-000000000001";
const missing = "00000000-0000-4000-8000-0000000000ff";
const pool = new Pool({ connectionString, max: 1 });

function show(driver, name, error) {
	const known = error instanceof DatabaseError;
	const { code, schema, table, column, constraint, message, detail, hint } = known ? error : { code: `no DatabaseError: ${error}` };
	console.log(JSON.stringify({ driver, case: name, code, schema, table, column, constraint, message, detail, hint }));
}

async function refused(driver, name, work) {
	try {
		await work();
		show(driver, name, "none");
	} catch (error) {
		// Drizzle wraps what its driver threw
		show(driver, name, error instanceof DatabaseError ? error : error.cause);
	}
}

async function withPg() {
	const client = await pool.connect();
	const pid = client.processID;
	const insert = (relation, key) => client.query(`INSERT INTO ${relation} (product_id) VALUES ($1)`, [key]);
	await refused("node-postgres", "alone", () => insert(table, missing));
	await refused("node-postgres", "prepared", () =>
		client.query({ name: "insert", text: `INSERT INTO ${table} (product_id) VALUES ($1)`, values: [missing] }));
	await refused("node-postgres", "commit", async () => {
		await client.query("BEGIN");
		await insert(late, missing);
		await client.query("COMMIT");
	});
	await insert(table, there);
	client.release();
	const again = await pool.connect();
	if (again.processID !== pid) throw new Error("the connection is another one");
	again.release();
}

async function withDrizzle() {
	const db = drizzle({ client: pool });
	const relation = (name) => pgSchema(name.split(".")[0]).table(name.split(".")[1], { product_id: uuid() });
	await refused("Drizzle", "alone", () => db.insert(relation(table)).values({ product_id: missing }));
	await refused("Drizzle", "batch", () =>
		db.insert(relation(table)).values([there, missing].map((product_id) => ({ product_id }))));
	await refused("Drizzle", "commit", () =>
		db.transaction((tx) => tx.insert(relation(late)).values({ product_id: missing })));
	await db.execute(sql`SELECT 1`);
}

try {
	await withPg();
	await withDrizzle();
} finally {
	await pool.end();
}
