import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/db/schema.ts',
  out: './drizzle',
  schemaFilter: ['users'],
  dbCredentials: { url: process.env.DATABASE_URL! }, // postgres://...@127.0.0.1:5432/user_db
});
