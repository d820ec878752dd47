CREATE TABLE IF NOT EXISTS "cache_locking" (
  key TEXT NOT NULL PRIMARY KEY,
  owner TEXT,
  token TEXT,
  leased_at INTEGER,
  leased_until INTEGER,
  cooling_until INTEGER,
  filled_at INTEGER,
  took INTEGER,
  fresh_until INTEGER,
  stale_for INTEGER,
  expires_at INTEGER NOT NULL,
  cause BLOB,
  value BLOB
) WITHOUT ROWID;
