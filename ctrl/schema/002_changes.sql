-- 002_changes.sql - what changed since a generation: rows by their number, and the ids that are gone
CREATE INDEX customer_generation ON customer (generation);
CREATE TABLE removed (
  id TEXT PRIMARY KEY,
  generation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER customer_removed AFTER DELETE ON customer BEGIN
  INSERT OR REPLACE INTO removed SELECT OLD.id, number FROM generation;
END;
CREATE TRIGGER customer_added AFTER INSERT ON customer BEGIN
  DELETE FROM removed WHERE id = NEW.id;
END;
