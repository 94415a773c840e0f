-- What grows with all that is stored is found by an index. An older program goes on with all of this.

-- The line, and in it the orders of each repository. By a digest: an address may be longer than what an index takes.
CREATE INDEX orders_line ON orders (priority DESC, id) WHERE status IN ('pending', 'running') AND NOT held;
CREATE INDEX orders_line_of_repository ON orders (priority DESC, sha256(repository) DESC, id)
    WHERE status IN ('pending', 'running') AND NOT held;

-- What lists ask for; the first one serves, too, who asks for all that has not ended.
CREATE INDEX orders_status ON orders (status, id DESC);
CREATE INDEX orders_repository ON orders (sha256(repository), id DESC);
CREATE INDEX orders_format ON orders (format);

-- As before, and it does not look at the whole line. A short one is the hundred that are looked at first. Of a longer one,
-- most often one of these is of a repository that has no lease, and nothing can come before it; else the first order of
-- each repository is looked at.
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
            SELECT sha256(repository) AS repository, count(*) AS leases FROM leased GROUP BY sha256(repository)
        ), of_agent AS (
            SELECT agent, count(*) AS leases FROM leased GROUP BY agent
        ), first AS (
            SELECT id, priority, sha256(repository) AS repository, agent, labels FROM orders
            WHERE status IN ('pending', 'running') AND NOT held
            ORDER BY priority DESC, id LIMIT 100
        )
        SELECT first.id, coalesce(of_repository.leases, 0) INTO best, leases_beside
        FROM first
            LEFT JOIN leases ON leases.order_id = first.id
            LEFT JOIN of_repository USING (repository)
            LEFT JOIN of_agent USING (agent)
        WHERE first.labels <@ its_labels
            AND first.id <> ALL (not_these)
            AND (leases.order_id IS NULL
                OR leases.until <= moment AND (takes_over OR leases.worker = by_worker))
            AND (per_repository IS NULL OR coalesce(of_repository.leases, 0) < per_repository)
            AND (per_agent IS NULL OR coalesce(of_agent.leases, 0) < per_agent)
            AND NOT EXISTS (SELECT FROM damaged WHERE damaged.order_id = first.id)
        ORDER BY first.priority DESC, coalesce(of_repository.leases, 0), first.id
        LIMIT 1;

        IF (best IS NULL OR leases_beside > 0)
            AND EXISTS (SELECT FROM orders WHERE status IN ('pending', 'running') AND NOT held OFFSET 100)
        THEN
            WITH RECURSIVE leased AS (
                SELECT repository, agent FROM leases JOIN orders ON id = order_id WHERE until > moment
            ), of_repository AS (
                SELECT sha256(repository) AS repository, count(*) AS leases FROM leased GROUP BY sha256(repository)
            ), full_agents AS (
                SELECT agent FROM leased GROUP BY agent HAVING count(*) >= per_agent
            ), lines AS ( -- each step of it is one look at the index
                (SELECT priority, sha256(repository) AS repository FROM orders
                WHERE status IN ('pending', 'running') AND NOT held
                ORDER BY priority DESC, sha256(repository) DESC LIMIT 1)
                UNION ALL
                SELECT next.priority, next.repository FROM lines, LATERAL (
                    SELECT orders.priority, sha256(orders.repository) AS repository FROM orders
                    WHERE status IN ('pending', 'running') AND NOT held
                        AND (orders.priority, sha256(orders.repository)) < (lines.priority, lines.repository)
                    ORDER BY orders.priority DESC, sha256(orders.repository) DESC LIMIT 1
                ) AS next
            )
            SELECT first.id INTO best
            FROM lines LEFT JOIN of_repository USING (repository), LATERAL (
                SELECT id FROM orders LEFT JOIN leases ON leases.order_id = orders.id
                WHERE orders.status IN ('pending', 'running') AND NOT orders.held
                    AND orders.priority = lines.priority AND sha256(orders.repository) = lines.repository
                    AND orders.labels <@ its_labels
                    AND orders.id <> ALL (not_these)
                    AND (leases.order_id IS NULL
                        OR leases.until <= moment AND (takes_over OR leases.worker = by_worker))
                    AND NOT EXISTS (SELECT FROM full_agents WHERE full_agents.agent = orders.agent)
                    AND NOT EXISTS (SELECT FROM damaged WHERE damaged.order_id = orders.id)
                ORDER BY orders.id LIMIT 1
            ) AS first
            WHERE per_repository IS NULL OR coalesce(of_repository.leases, 0) < per_repository
            ORDER BY lines.priority DESC, coalesce(of_repository.leases, 0), first.id
            LIMIT 1;
        END IF;

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

-- Last, as nobody can read any more then until the migration is through.
DROP INDEX orders_unended;
