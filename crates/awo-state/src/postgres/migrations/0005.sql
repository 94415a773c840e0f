-- An older program goes on with all of this.

-- When a worker was heard last, and since when without a gap. A database that was away has one, whether it was restarted or
-- another server goes on in its place. In a new schema nobody was missed.
ALTER TABLE queue
    ADD COLUMN heard_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN heard_since timestamptz NOT NULL DEFAULT '-infinity';

-- Notes that a worker is heard. Answers whether workers were heard for the life of a lease without a gap: after one all leases
-- look as if nobody had renewed them, and everybody gets the time to. Waits for nobody.
CREATE FUNCTION hear(lease interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    -- Each worker is heard three times in the life of a lease.
    gap interval := greatest(lease / 2, interval '1 second');
BEGIN
    IF EXISTS (SELECT FROM queue WHERE heard_at NOT BETWEEN moment - gap / 5 AND moment) THEN
        PERFORM FROM queue FOR UPDATE SKIP LOCKED; -- or somebody else notes it in this instant
        IF FOUND THEN
            UPDATE queue
            SET heard_since = CASE WHEN heard_at BETWEEN moment - gap AND moment + gap THEN heard_since ELSE moment END,
                heard_at = moment;
        END IF;
    END IF;
    RETURN (SELECT heard_at >= moment - gap AND heard_since + lease < moment FROM queue);
END
$$;

-- As before, and it does not look at the whole line. A short one is the hundred that are looked at first. Of a longer one,
-- most often one of these is of a repository that has no lease, and nothing can come before it; else the first order of
-- each repository is looked at.
-- What it takes over: the start of the server, which was asked before, tells of the least of its outages.
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
    takes_over := hear(lease) AND takes_over;
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

-- Forgets a worker and those that were not seen for long, and ends its leases and those that nobody can hold any more. In turn
-- with those who are given orders, or each might wait for what the other one has.
CREATE FUNCTION leave(the_worker text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('awo leases ' || current_schema(), 0));
    DELETE FROM workers WHERE name = the_worker OR seen_at < clock_timestamp() - interval '1 day';
    DELETE FROM leases
    WHERE worker = the_worker
        OR until <= clock_timestamp()
            AND NOT EXISTS (SELECT FROM orders WHERE id = order_id AND status IN ('pending', 'running'));
END
$$;
