-- The message clicks that are not the earliest click of their key that is not a bot's. A
-- message click that is older than what its account keeps cannot be checked and is left out.
WITH expected AS (
    SELECT DISTINCT ON (c.account_id, message_key, contact_key)
           c.account_id,
           CASE WHEN c.message_id IS NULL THEN 'l:' || c.link_key ELSE 'm:' || c.message_id END AS message_key,
           CASE WHEN c.contact_phone IS NULL THEN 'v:' || c.visitor ELSE 'c:' || c.contact_phone END AS contact_key,
           c.clicked_at,
           c.click_id
    FROM clicks c
    WHERE NOT c.is_bot
    ORDER BY c.account_id, message_key, contact_key, c.clicked_at, c.click_id
)
SELECT coalesce(e.account_id, m.account_id) AS account_id,
       coalesce(e.message_key, m.message_key) AS message_key,
       coalesce(e.contact_key, m.contact_key) AS contact_key,
       coalesce(e.clicked_at, m.clicked_at) AS clicked_at,
       format('message click %s %s: is %s, should be %s',
              coalesce(e.message_key, m.message_key),
              coalesce(left(e.contact_key, 2), left(m.contact_key, 2)),
              m.click_id, e.click_id) AS difference
FROM expected e
FULL JOIN message_clicks m USING (account_id, message_key, contact_key)
LEFT JOIN accounts a ON a.id = coalesce(e.account_id, m.account_id)
WHERE m.click_id IS DISTINCT FROM e.click_id
  AND ($1::bigint IS NULL OR coalesce(e.account_id, m.account_id) = $1)
  AND NOT coalesce(m.clicked_at < a.raw_since
                   AND (e.clicked_at IS NULL OR m.clicked_at < e.clicked_at), false)
