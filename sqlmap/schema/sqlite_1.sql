-- Version 1 of the tables of package sqlmap, for SQLite.
-- Times are microseconds since 1970 in UTC: datetime(created / 1000000, 'unixepoch').

CREATE TABLE IF NOT EXISTS acsauth_schema (
    version INTEGER PRIMARY KEY,
    applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

CREATE TABLE IF NOT EXISTS acsauth_mappings (
    resource  TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    acs_id    TEXT NOT NULL CHECK (acs_id <> ''),
    created   INTEGER NOT NULL,
    PRIMARY KEY (resource, tenant_id, object_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS acsauth_journal (
    resource   TEXT NOT NULL,
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    tenant_id  TEXT NOT NULL,
    object_id  TEXT NOT NULL,
    acs_id     TEXT NOT NULL, -- empty while it is not known
    request_id TEXT NOT NULL,
    opened     INTEGER NOT NULL,
    PRIMARY KEY (resource, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS acsauth_journal_by_user ON acsauth_journal (resource, tenant_id, object_id);
CREATE INDEX IF NOT EXISTS acsauth_journal_by_age ON acsauth_journal (resource, opened, id);

INSERT INTO acsauth_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
