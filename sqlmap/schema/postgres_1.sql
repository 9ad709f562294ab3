-- Version 1 of the tables of package sqlmap, for PostgreSQL.
-- Ids are compared byte by byte, whatever the collation of the database is.

CREATE TABLE IF NOT EXISTS acsauth_schema (
    version integer PRIMARY KEY,
    applied timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS acsauth_mappings (
    resource  text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    acs_id    text COLLATE "C" NOT NULL CHECK (acs_id <> ''),
    created   timestamptz NOT NULL,
    PRIMARY KEY (resource, tenant_id, object_id)
);

CREATE TABLE IF NOT EXISTS acsauth_journal (
    resource   text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    tenant_id  text COLLATE "C" NOT NULL,
    object_id  text COLLATE "C" NOT NULL,
    acs_id     text COLLATE "C" NOT NULL, -- empty while it is not known
    request_id text COLLATE "C" NOT NULL,
    opened     timestamptz NOT NULL,
    PRIMARY KEY (resource, id)
);

CREATE INDEX IF NOT EXISTS acsauth_journal_by_user ON acsauth_journal (resource, tenant_id, object_id);
CREATE INDEX IF NOT EXISTS acsauth_journal_by_age ON acsauth_journal (resource, opened, id);

INSERT INTO acsauth_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
