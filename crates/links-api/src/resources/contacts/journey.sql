-- The first $4 events of a contact ($2, its key is $5) of an account ($1), newest first, and all
-- that are in the millisecond of the last one. The keys in braces are expressions of ledger::keys.
WITH contact_links AS (
    SELECT id FROM links WHERE account_id = $1 AND contact_phone = $2
),
events AS (
    SELECT 'send' AS type, m.sent_at AS at, m.message_id AS id,
           jsonb_build_object('message_id', m.message_id, 'creative_id', m.creative_id,
                              'list_id', m.list_id) AS details
    FROM messages m
    WHERE m.account_id = $1 AND m.contact_phone = $2
    UNION ALL
    SELECT 'click', c.clicked_at, c.click_id::text,
           jsonb_build_object(
               'click_id', c.click_id, 'link_id', c.link_id, 'message_id', c.message_id,
               'offer_id', c.offer_id, 'is_bot', c.is_bot, 'bot_reasons', c.bot_reasons,
               'confirmed', c.confirmed, 'country', c.country, 'device', c.device,
               'is_message_click', EXISTS (
                   SELECT
                   FROM message_clicks m
                   WHERE m.account_id = $1
                     AND m.message_key = {click_message_key}
                     AND m.contact_key = $5
                     AND m.click_id = c.click_id
               ))
    FROM clicks c
    WHERE c.link_key IN (SELECT id FROM contact_links)
      AND c.account_id = $1
      AND c.contact_phone = $2
    UNION ALL
    SELECT 'conversion', c.converted_at, c.conversion_id::text,
           jsonb_build_object(
               'conversion_id', c.conversion_id, 'event', c.event, 'status', c.status,
               'txn_id', c.txn_id,
               'amount', (CASE WHEN c.event IN ('refund', 'chargeback') THEN -1 ELSE 1 END
                   * coalesce(c.counted_amount, c.revenue, c.payout, 0))::text,
               'currency', c.currency, 'attribution', c.attribution,
               'message_id', c.credited_message_id, 'offer_id', c.credited_offer_id)
    FROM conversions c
    WHERE c.conversion_id IN (
          SELECT conversion_id
          FROM conversions
          WHERE account_id = $1
            AND message_key IN (
                SELECT {link_message_key}
                FROM links l
                WHERE l.account_id = $1 AND l.contact_phone = $2
            )
          UNION ALL
          SELECT conversion_id
          FROM conversions
          WHERE account_id = $1 AND coupon IS NOT NULL AND contact_phone = $2
      )
      AND coalesce(c.credited_contact_phone, c.contact_phone) = $2
),
page AS (
    SELECT *, date_trunc('milliseconds', at) AS millisecond
    FROM events
    WHERE $3::timestamptz IS NULL OR at < $3
    ORDER BY millisecond DESC
    FETCH FIRST $4 ROWS WITH TIES
)
SELECT type, at, details,
       EXISTS (
           SELECT FROM events WHERE at < (SELECT min(millisecond) FROM page)
       ) AS has_more
FROM page
ORDER BY at DESC, type, id
