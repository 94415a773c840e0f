-- What grows with all that is stored is found by an index. An older program goes on with all of this.

-- The line, and in it the orders of each repository. By a digest: an address may be longer than what an index takes.
CREATE INDEX orders_line ON orders (priority DESC, id) WHERE status IN ('pending', 'running') AND NOT held;
CREATE INDEX orders_line_of_repository ON orders (priority DESC, sha256(repository) DESC, id)
    WHERE status IN ('pending', 'running') AND NOT held;

-- What lists ask for; the first one serves, too, who asks for all that has not ended.
CREATE INDEX orders_status ON orders (status, id DESC);
CREATE INDEX orders_repository ON orders (sha256(repository), id DESC);
CREATE INDEX orders_format ON orders (format);

-- Last, as nobody can read any more then until the migration is through.
DROP INDEX orders_unended;
