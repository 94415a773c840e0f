-- Giving an order costs the same however many orders run and wait. An older program goes on with all of this.

-- In turn with those who are given orders by the rule so far. Leases come first, as saves look at them first.
SELECT pg_advisory_xact_lock(hashtextextended('awo leases ' || current_schema(), 0));
ALTER TABLE leases ADD COLUMN repository bytea, ADD COLUMN agent bytea;
-- All of a page is written anew by renewals, on that page if it has room.
ALTER TABLE leases SET (fillfactor = 50);
UPDATE leases SET repository = sha256(orders.repository), agent = orders.agent FROM orders WHERE id = order_id;
DELETE FROM leases WHERE repository IS NULL; -- without an order it is none
ALTER TABLE leases ALTER COLUMN repository SET NOT NULL, ALTER COLUMN agent SET NOT NULL;

-- The orders that may be given: neither ended nor held, and without a lease. An order that may be given or has been is here or has a
-- lease, never both; triggers see to it, in whatever write makes it so. All but the last column is of the order and never changes.
CREATE TABLE in_line (
    order_id text COLLATE "C" PRIMARY KEY,
    priority smallint NOT NULL,
    -- By a digest: an address may be longer than what an index takes.
    repository bytea NOT NULL,
    agent bytea NOT NULL,
    labels text[] NOT NULL,
    -- Whose lease on it expired. Nobody else gets it who does not take over.
    worker text
);
CREATE INDEX in_line_first ON in_line (priority DESC, order_id);
CREATE INDEX in_line_of_repository ON in_line (priority DESC, repository DESC, order_id);
CREATE INDEX in_line_worker ON in_line (worker) WHERE worker IS NOT NULL;

-- How many leases there are, and those of them that have ended since they were counted. Counted by whoever has the turn to be
-- given orders: then nobody who ends a lease waits for somebody else who does.
CREATE TABLE leases_counted (
    repository bytea,
    agent bytea,
    leases bigint NOT NULL,
    PRIMARY KEY (repository, agent)
);
CREATE TABLE leases_ended (
    repository bytea NOT NULL,
    agent bytea NOT NULL
);

-- When leases that expired were looked for last.
ALTER TABLE queue ADD COLUMN swept_at timestamptz NOT NULL DEFAULT '-infinity';

INSERT INTO leases_counted SELECT repository, agent, count(*) FROM leases GROUP BY repository, agent;
INSERT INTO in_line
SELECT id, priority, sha256(repository), agent, labels FROM orders
WHERE status IN ('pending', 'running') AND NOT held AND NOT EXISTS (SELECT FROM leases WHERE order_id = id);

-- An order comes into the line, or leaves it. Its lease is locked first: who ends it waits, and sees then what became of the order.
CREATE FUNCTION order_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM leases WHERE order_id = new.id FOR UPDATE;
    IF new.held OR new.status NOT IN ('pending', 'running') THEN
        DELETE FROM in_line WHERE order_id = new.id;
    ELSIF NOT FOUND THEN
        INSERT INTO in_line VALUES (new.id, new.priority, sha256(new.repository), new.agent, new.labels)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER order_made AFTER INSERT ON orders FOR EACH ROW
    WHEN (new.status IN ('pending', 'running') AND NOT new.held)
    EXECUTE FUNCTION order_moved();
CREATE TRIGGER order_moved AFTER UPDATE OF status, held ON orders FOR EACH ROW
    WHEN ((new.status IN ('pending', 'running') AND NOT new.held) <> (old.status IN ('pending', 'running') AND NOT old.held))
    EXECUTE FUNCTION order_moved();

CREATE FUNCTION order_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM in_line WHERE order_id = old.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER order_gone AFTER DELETE ON orders FOR EACH ROW
    WHEN (old.status IN ('pending', 'running') AND NOT old.held)
    EXECUTE FUNCTION order_gone();

-- An order without a lease is in line again, unless it has ended.
CREATE FUNCTION lease_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO leases_ended VALUES (old.repository, old.agent);
    INSERT INTO in_line
    SELECT id, priority, old.repository, agent, labels FROM orders
    WHERE id = old.order_id AND status IN ('pending', 'running') AND NOT held
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER lease_ended AFTER DELETE ON leases FOR EACH ROW EXECUTE FUNCTION lease_ended();

-- Ends those of these leases that have expired, and remembers whose they were.
CREATE FUNCTION end_expired(leased text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    expired text[] := ARRAY( -- without those that somebody renews in this instant
        SELECT order_id FROM leases WHERE order_id = ANY (leased) AND until <= clock_timestamp() FOR UPDATE SKIP LOCKED
    );
BEGIN
    INSERT INTO in_line
    SELECT id, priority, leases.repository, orders.agent, labels, worker FROM leases JOIN orders ON id = order_id
    WHERE order_id = ANY (expired) AND status IN ('pending', 'running') AND NOT held
    ON CONFLICT DO NOTHING;
    DELETE FROM leases WHERE order_id = ANY (expired);
END
$$;

-- As before: free orders, the best one first, and each counts for the next. The first hundred of the line are looked at. Most often
-- one of them is of a repository that has no lease, and nothing can come before it; else the first order of each repository
-- is looked at. Who finds that there is nothing to be given does not stand in line to be told so.
CREATE OR REPLACE FUNCTION acquire(
    by_worker text, its_labels text[], at_most bigint, lease interval, takes_over boolean, not_these text[],
    per_repository bigint, per_agent bigint
) RETURNS SETOF text LANGUAGE plpgsql
    -- By the indexes, whatever is known of how long the line is, and without planning anew for each call.
    SET enable_sort = off SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    best text;
    leases_beside bigint;
    its_repository bytea;
    its_agent bytea;
    expired text[] := '{}';
    moment timestamptz := clock_timestamp();
    pause interval := least(lease / 30, interval '1 second');
BEGIN
    PERFORM FROM queue WHERE swept_at NOT BETWEEN moment - pause AND moment FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE queue SET swept_at = moment;
        expired := ARRAY(SELECT order_id FROM leases WHERE until <= moment LIMIT 1000); -- more would take too long for one call
    END IF;
    IF expired = '{}' THEN
        PERFORM FROM in_line
        WHERE labels <@ its_labels
            AND order_id <> ALL (not_these)
            AND (takes_over OR worker IS NULL OR worker = by_worker)
        ORDER BY priority DESC, order_id LIMIT 1;
        IF NOT FOUND OR (SELECT paused FROM queue) THEN
            PERFORM hear(lease);
            RETURN;
        END IF;
    END IF;

    -- One at a time: limits that hold over all workers cannot be told by those who look at the same moment.
    PERFORM pg_advisory_xact_lock(hashtextextended('awo leases ' || current_schema(), 0));
    moment := clock_timestamp(); -- one for all that is given, or a short lease might be over within the call
    takes_over := hear(lease) AND takes_over;
    IF expired <> '{}' THEN
        PERFORM end_expired(expired);
    END IF;
    WITH ended AS (
        DELETE FROM leases_ended RETURNING repository, agent
    ), of_each AS (
        SELECT repository, agent, count(*) AS leases FROM ended GROUP BY repository, agent
    )
    UPDATE leases_counted AS counted SET leases = counted.leases - of_each.leases FROM of_each
    WHERE counted.repository = of_each.repository AND counted.agent = of_each.agent;

    WHILE at_most > 0 LOOP
        EXIT WHEN (SELECT paused FROM queue);

        WITH first AS (
            SELECT * FROM in_line ORDER BY priority DESC, order_id LIMIT 100
        ), full_agents AS (
            SELECT agent FROM leases_counted WHERE per_agent IS NOT NULL GROUP BY agent HAVING sum(leases) >= per_agent
        )
        SELECT order_id, of_repository.leases INTO best, leases_beside
        FROM first, LATERAL (
            SELECT coalesce(sum(leases), 0) AS leases FROM leases_counted WHERE leases_counted.repository = first.repository
        ) AS of_repository
        WHERE labels <@ its_labels
            AND order_id <> ALL (not_these)
            AND (takes_over OR worker IS NULL OR worker = by_worker)
            AND (per_repository IS NULL OR of_repository.leases < per_repository)
            AND NOT EXISTS (SELECT FROM full_agents WHERE full_agents.agent = first.agent)
            AND NOT EXISTS (SELECT FROM damaged WHERE damaged.order_id = first.order_id)
        ORDER BY priority DESC, of_repository.leases, order_id
        LIMIT 1;

        IF (best IS NULL OR leases_beside > 0)
            AND EXISTS (SELECT FROM in_line ORDER BY priority DESC, order_id OFFSET 100)
        THEN
            WITH RECURSIVE full_agents AS (
                SELECT agent FROM leases_counted WHERE per_agent IS NOT NULL GROUP BY agent HAVING sum(leases) >= per_agent
            ), lines AS ( -- each step of it is one look at the index
                (SELECT priority, repository FROM in_line ORDER BY priority DESC, repository DESC LIMIT 1)
                UNION ALL
                SELECT next.priority, next.repository FROM lines, LATERAL (
                    SELECT in_line.priority, in_line.repository FROM in_line
                    WHERE (in_line.priority, in_line.repository) < (lines.priority, lines.repository)
                    ORDER BY in_line.priority DESC, in_line.repository DESC LIMIT 1
                ) AS next
            )
            SELECT first.order_id INTO best
            FROM lines, LATERAL (
                SELECT coalesce(sum(leases), 0) AS leases FROM leases_counted
                WHERE leases_counted.repository = lines.repository
            ) AS of_repository, LATERAL (
                SELECT order_id FROM in_line
                WHERE in_line.priority = lines.priority AND in_line.repository = lines.repository
                    AND labels <@ its_labels
                    AND order_id <> ALL (not_these)
                    AND (takes_over OR worker IS NULL OR worker = by_worker)
                    AND NOT EXISTS (SELECT FROM full_agents WHERE full_agents.agent = in_line.agent)
                    AND NOT EXISTS (SELECT FROM damaged WHERE damaged.order_id = in_line.order_id)
                ORDER BY order_id LIMIT 1
            ) AS first
            WHERE per_repository IS NULL OR of_repository.leases < per_repository
            ORDER BY lines.priority DESC, of_repository.leases, first.order_id
            LIMIT 1;
        END IF;
        EXIT WHEN best IS NULL;

        PERFORM FROM in_line WHERE order_id = best FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN -- somebody ends it in this instant
            not_these := not_these || best;
            CONTINUE;
        END IF;
        DELETE FROM in_line WHERE order_id = best;
        INSERT INTO leases (order_id, worker, until, repository, agent)
        SELECT id, by_worker, moment + lease, sha256(repository), agent FROM orders
        WHERE id = best AND status IN ('pending', 'running') AND NOT held
        ON CONFLICT DO NOTHING
        RETURNING repository, agent INTO its_repository, its_agent;
        IF FOUND THEN
            INSERT INTO leases_counted VALUES (its_repository, its_agent, 1)
            ON CONFLICT (repository, agent) DO UPDATE SET leases = leases_counted.leases + 1;
            at_most := at_most - 1;
            RETURN NEXT best;
        END IF;
    END LOOP;
END
$$;

-- Forgets a worker and those that were not seen for long, and ends its leases and those that have expired. In turn with those who
-- are given orders, or each might wait for what the other one has.
CREATE OR REPLACE FUNCTION leave(the_worker text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('awo leases ' || current_schema(), 0));
    DELETE FROM workers WHERE name = the_worker OR seen_at < clock_timestamp() - interval '1 day';
    PERFORM end_expired(ARRAY(SELECT order_id FROM leases WHERE until <= clock_timestamp() LIMIT 1000));
    DELETE FROM leases WHERE worker = the_worker;
    UPDATE in_line SET worker = NULL WHERE worker = the_worker;
    DELETE FROM leases_counted WHERE leases = 0;
END
$$;

-- Last, as nobody can read any more then until the migration is through.
DROP INDEX orders_line, orders_line_of_repository;
