-- All text that awo did not make itself is json or bytea: text and jsonb refuse NUL. Ids are compared byte by byte, so
-- that they sort by time.

CREATE TABLE orders (
    id text COLLATE "C" PRIMARY KEY,
    -- Of the row and all that belongs to it.
    format integer NOT NULL,
    -- What a write is guarded by: the version and the epoch that it was decided on.
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    head json NOT NULL,
    -- Written once.
    spec json NOT NULL,
    created_at json NOT NULL,
    -- Written anew with each commit.
    state json NOT NULL,
    -- What follows is taken from these documents, to be searched.
    status text NOT NULL,
    held boolean NOT NULL,
    repository bytea NOT NULL,
    agent bytea NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    labels text[] NOT NULL DEFAULT '{}',
    idempotency_key bytea,
    -- In lower case: request, repository, id; and the branch, which changes.
    searched bytea[] NOT NULL,
    branch bytea NOT NULL,
    -- Of spec, results and events.
    bytes bigint NOT NULL
) WITH (fillfactor = 80);

-- By its digest: a key may be longer than what an index takes.
CREATE UNIQUE INDEX orders_idempotency_key ON orders (sha256(idempotency_key)) WHERE idempotency_key IS NOT NULL;
CREATE INDEX orders_unended ON orders (status, priority DESC, id) WHERE status IN ('pending', 'running');

-- The results of an order, from 0.
CREATE TABLE steps (
    order_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (order_id, number)
);

-- The events of an order, from 1.
CREATE TABLE events (
    order_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (order_id, number)
);

-- Orders that somebody found to be unreadable. The order itself is left as it is.
CREATE TABLE damaged (
    order_id text COLLATE "C" PRIMARY KEY,
    why text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who may claim an order, until when by the clock of this database.
CREATE TABLE leases (
    order_id text COLLATE "C" PRIMARY KEY,
    worker text NOT NULL,
    until timestamptz NOT NULL,
    taken_over integer NOT NULL DEFAULT 0
);
CREATE INDEX leases_worker ON leases (worker);

CREATE TABLE workers (
    name text PRIMARY KEY,
    host text NOT NULL,
    version text NOT NULL,
    labels text[] NOT NULL DEFAULT '{}',
    max_running integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The log of an order: what it counts, and its lines.
CREATE TABLE logs (
    order_id text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL,
    bytes bigint NOT NULL
);
CREATE TABLE log_lines (
    order_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    bytes bigint NOT NULL,
    entry json NOT NULL,
    PRIMARY KEY (order_id, number)
);

CREATE TABLE artifacts (
    order_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (order_id, name)
);
-- In pieces, from 0. What is kept there is mostly text, and a piece is read whole.
CREATE TABLE artifact_pieces (
    order_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    piece bytea NOT NULL,
    PRIMARY KEY (order_id, name, number)
);

-- All documents of a kind are one document: they are few, and their rules look at all of them.
CREATE TABLE catalog (
    kind text PRIMARY KEY,
    format integer NOT NULL,
    version bigint NOT NULL,
    documents json NOT NULL
);

-- The trail of who changed what. One row counts its entries.
CREATE TABLE audit_count (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    last bigint NOT NULL
);
INSERT INTO audit_count (last) VALUES (0);
CREATE TABLE audit (
    number bigint PRIMARY KEY,
    entry json NOT NULL
);
