-- The message clicks that are not the earliest click of their key that is not a
-- bot's. One that is older than what the account keeps is taken as it is.
WITH wanted AS (
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
SELECT coalesce(w.account_id, m.account_id) AS account_id,
       coalesce(w.message_key, m.message_key) AS message_key,
       coalesce(w.contact_key, m.contact_key) AS contact_key,
       coalesce(w.clicked_at, m.clicked_at) AS clicked_at,
       format('message click %s %s: is %s, should be %s',
              coalesce(w.message_key, m.message_key),
              coalesce(left(w.contact_key, 2), left(m.contact_key, 2)),
              m.click_id, w.click_id) AS difference
FROM wanted w
FULL JOIN message_clicks m USING (account_id, message_key, contact_key)
LEFT JOIN accounts a ON a.id = coalesce(w.account_id, m.account_id)
WHERE m.click_id IS DISTINCT FROM w.click_id
  AND ($1::bigint IS NULL OR coalesce(w.account_id, m.account_id) = $1)
  AND NOT coalesce(m.clicked_at < a.raw_since
                   AND (w.clicked_at IS NULL OR m.clicked_at < w.clicked_at), false)
