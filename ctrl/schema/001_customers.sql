-- 001_customers.sql - customers, whose documents are checked before they come here
CREATE TABLE generation (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
INSERT INTO generation VALUES (1, 0);
-- document: JSON, one object of the import format; generation: of its last change
CREATE TABLE customer (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  generation INTEGER NOT NULL
) WITHOUT ROWID;
-- name: lower case, as written
CREATE TABLE domain (
  name TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX domain_customer ON domain (customer);
CREATE TABLE audit (
  at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  generation INTEGER NOT NULL,
  what TEXT NOT NULL
);
