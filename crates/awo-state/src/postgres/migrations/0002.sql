-- Whether orders are given to workers.
CREATE TABLE queue (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    paused boolean NOT NULL DEFAULT false
);
INSERT INTO queue DEFAULT VALUES;

-- Take-overs are counted in the order.
ALTER TABLE leases DROP COLUMN taken_over;

-- Gives free orders to a worker, the best one first, and each counts for the next. One call at a time: limits that hold over
-- all workers cannot be told by those who look at the same moment. It ends with its statement, whatever becomes of who asked.
CREATE FUNCTION acquire(
    by_worker text, its_labels text[], at_most bigint, lease interval, takes_over boolean, not_these text[],
    per_repository bigint, per_agent bigint
) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    best text;
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('awo leases ' || current_schema(), 0));
    moment := clock_timestamp(); -- one for all that is given, or a short lease might be over within the call
    -- After a restart all leases look as if nobody had renewed them: everybody gets the time to.
    takes_over := takes_over AND pg_postmaster_start_time() + lease < moment;
    FOR place IN 1..at_most LOOP
        EXIT WHEN (SELECT paused FROM queue);
        WITH leased AS (
            SELECT repository, agent FROM leases JOIN orders ON id = order_id WHERE until > moment
        ), of_repository AS (
            SELECT repository, count(*) AS leases FROM leased GROUP BY repository
        ), of_agent AS (
            SELECT agent, count(*) AS leases FROM leased GROUP BY agent
        )
        SELECT orders.id INTO best
        FROM orders
            LEFT JOIN leases ON leases.order_id = orders.id
            LEFT JOIN of_repository USING (repository)
            LEFT JOIN of_agent USING (agent)
        WHERE orders.status IN ('pending', 'running')
            AND NOT orders.held
            AND orders.labels <@ its_labels
            AND orders.id <> ALL (not_these)
            AND (leases.order_id IS NULL
                OR leases.until <= moment AND (takes_over OR leases.worker = by_worker))
            AND (per_repository IS NULL OR coalesce(of_repository.leases, 0) < per_repository)
            AND (per_agent IS NULL OR coalesce(of_agent.leases, 0) < per_agent)
            AND NOT EXISTS (SELECT FROM damaged WHERE damaged.order_id = orders.id)
        ORDER BY orders.priority DESC, coalesce(of_repository.leases, 0), orders.id
        LIMIT 1;
        EXIT WHEN best IS NULL;
        INSERT INTO leases (order_id, worker, until) VALUES (best, by_worker, moment + lease)
        ON CONFLICT (order_id) DO UPDATE SET worker = excluded.worker, until = excluded.until
        WHERE leases.until <= moment; -- its holder may have renewed it in this instant
        IF FOUND THEN
            RETURN NEXT best;
        END IF;
    END LOOP;
END
$$;
