-- What came of tasks, one row for each attempt that ended: an array of a million tasks is then some
-- thousand rows. A task ends once, since no two attempts of a job ever have the same task.

CREATE TABLE jobs.result (
    attempt_id uuid PRIMARY KEY REFERENCES jobs.attempt,
    job_id uuid NOT NULL REFERENCES jobs.job,
    -- Ascending; every other array has its entry for the task in the same place.
    tasks integer [] NOT NULL,
    first_task integer NOT NULL CHECK (first_task = tasks[1]),
    task_count integer NOT NULL CHECK (task_count > 0 AND task_count = cardinality(tasks)),
    states text [] NOT NULL CHECK (cardinality(states) = task_count),
    exit_codes integer [] NOT NULL CHECK (cardinality(exit_codes) = task_count),
    unit_milliseconds bigint [] NOT NULL CHECK (cardinality(unit_milliseconds) = task_count),
    reasons text [] NOT NULL CHECK (cardinality(reasons) = task_count),
    started_at timestamptz [] NOT NULL CHECK (cardinality(started_at) = task_count),
    ended_at timestamptz [] NOT NULL CHECK (cardinality(ended_at) = task_count)
);

CREATE INDEX result_by_job ON jobs.result (job_id, first_task);

INSERT INTO jobs.result
SELECT
    attempt_id,
    job_id,
    array_agg(task ORDER BY task),
    min(task),
    count(*),
    array_agg(state ORDER BY task),
    array_agg(exit_code ORDER BY task),
    array_agg(unit_milliseconds ORDER BY task),
    array_agg(reason ORDER BY task),
    array_agg(started_at ORDER BY task),
    array_agg(ended_at ORDER BY task)
FROM jobs.task
GROUP BY attempt_id, job_id;

-- squawk-ignore ban-drop-table
DROP TABLE jobs.task;

-- A row for each task that has ended in an attempt, for those who ask about tasks.
CREATE VIEW jobs.task WITH (security_invoker = true) AS
SELECT
    result.job_id,
    ended.task,
    result.attempt_id,
    ended.state,
    ended.exit_code,
    ended.unit_milliseconds,
    ended.reason,
    ended.started_at,
    ended.ended_at
FROM jobs.result
CROSS JOIN
    LATERAL unnest(
        result.tasks, result.states, result.exit_codes, result.unit_milliseconds, result.reasons,
        result.started_at, result.ended_at
    ) AS ended (task, state, exit_code, unit_milliseconds, reason, started_at, ended_at);

GRANT SELECT, INSERT ON jobs.result TO mains_app;
GRANT SELECT ON jobs.task TO mains_app, mains_tenant;
GRANT SELECT ON jobs.result TO mains_tenant;
ALTER TABLE jobs.result ENABLE ROW LEVEL SECURITY;
CREATE POLICY server ON jobs.result TO mains_app USING (true);
CREATE POLICY tenant ON jobs.result FOR SELECT TO mains_tenant
USING (EXISTS (SELECT FROM jobs.job AS j WHERE j.id = result.job_id));
