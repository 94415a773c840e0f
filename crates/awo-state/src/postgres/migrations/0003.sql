-- Those outside who are told of orders, and who tells them, until when by the clock of this database.
CREATE TABLE recipients (
    name text PRIMARY KEY,
    -- Whether it is kept how far it was told.
    begun boolean NOT NULL DEFAULT false,
    teller text,
    until timestamptz
);

-- How far: the number of the last event.
CREATE TABLE told (
    recipient text NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (recipient, order_id)
);
