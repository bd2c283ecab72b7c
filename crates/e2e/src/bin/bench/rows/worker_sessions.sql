SELECT count(*) AS n_working,
       count(*) FILTER (WHERE wait_event_type = 'Lock') AS n_waiting
FROM pg_stat_activity
WHERE datname = current_database()
  AND application_name = 'click-worker'
  AND state <> 'idle'
