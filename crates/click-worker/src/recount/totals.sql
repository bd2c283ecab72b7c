-- The totals that follow from the facts alone: every click, message click, credited conversion
-- and sent message, by quarter of an hour and by day, for each dimension and for each link. It
-- uses nothing of the code with which the ledger counts.
links_of_messages AS (
    SELECT m.account_id, m.message_id, l.id AS link_key, l.offer_id
    FROM messages m
    JOIN links l ON l.account_id = m.account_id AND l.message_id = m.message_id
    WHERE l.placeholder IS NOT NULL
    UNION
    SELECT m.account_id, m.message_id, l.id, l.offer_id
    FROM messages m
    CROSS JOIN LATERAL unnest(m.link_keys) AS key
    JOIN links l ON l.id = key
),
sent_links AS (
    -- A message without links has one row without a link.
    SELECT m.account_id,
           date_bin('15 minutes', m.sent_at, 'epoch'::timestamptz) AS bucket,
           l.link_key,
           l.offer_id,
           m.list_id,
           m.creative_id,
           (m.status = 'delivered')::int AS delivered,
           (m.status IN ('failed', 'undelivered'))::int AS failed,
           (row_number() OVER (PARTITION BY m.account_id, m.message_id ORDER BY l.link_key) = 1)::int
               AS is_first,
           row_number() OVER (PARTITION BY m.account_id, m.message_id, l.offer_id ORDER BY l.link_key) = 1
               AS is_first_of_offer
    FROM messages m
    LEFT JOIN links_of_messages l USING (account_id, message_id)
),
conversion_facts AS (
    SELECT account_id,
           date_bin('15 minutes', converted_at, 'epoch'::timestamptz) AS bucket,
           currency,
           event,
           credited_link_key AS link_key,
           credited_offer_id AS offer_id,
           credited_list_id AS list_id,
           credited_creative_id AS creative_id,
           credited_campaign_id AS campaign_id,
           credited_country AS country,
           credited_device AS device,
           (status = 'approved' AND NOT is_reversal)::int AS conversions,
           CASE WHEN status = 'approved' THEN counted_amount ELSE 0 END AS revenue,
           (status = 'pending' AND NOT is_reversal)::int AS pending_conversions,
           CASE WHEN status = 'pending' THEN counted_amount ELSE 0 END AS pending_revenue
    FROM (
        SELECT c.*, event IN ('refund', 'chargeback') AS is_reversal,
               CASE
                   WHEN event NOT IN ('refund', 'chargeback') THEN coalesce(revenue, payout, 0)
                   ELSE -coalesce(r.counted, 0)
               END AS counted_amount
        FROM (
            SELECT conversion_id, account_id, converted_at, currency, credited_link_key,
                   credited_offer_id, credited_list_id, credited_creative_id,
                   credited_campaign_id, credited_country, credited_device, event, status,
                   revenue, payout
            FROM conversions
            WHERE attribution <> 'none'
        ) AS c
        LEFT JOIN counted_reversals r USING (conversion_id)
    ) AS conversion_amounts
),
facts AS (
    SELECT account_id,
           date_bin('15 minutes', clicked_at, 'epoch'::timestamptz) AS bucket,
           '' AS currency,
           link_key, offer_id, list_id, creative_id, campaign_id, country, device,
           0 AS sends, 0 AS messages,
           0 AS delivered_sends, 0 AS delivered_messages, 0 AS failed_sends, 0 AS failed_messages,
           1 AS clicks,
           0 AS unique_clicks,
           is_bot::int AS bot_clicks,
           confirmed::int AS confirmed_clicks,
           0 AS costed_clicks,
           0::numeric AS click_cost,
           0 AS conversions,
           0::numeric AS revenue,
           0 AS pending_conversions,
           0::numeric AS pending_revenue
    FROM clicks
    UNION ALL
    -- A cost of its own counts unless the click is a suspected bot's.
    SELECT account_id, date_bin('15 minutes', clicked_at, 'epoch'::timestamptz),
           click_cost_currency,
           link_key, offer_id, list_id, creative_id, campaign_id, country, device,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, click_cost, 0, 0, 0, 0
    FROM clicks
    WHERE click_cost IS NOT NULL AND NOT is_bot
    UNION ALL
    SELECT account_id, date_bin('15 minutes', clicked_at, 'epoch'::timestamptz), '',
           link_key, offer_id, list_id, creative_id, campaign_id, country, device,
           0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0
    FROM message_clicks
    UNION ALL
    SELECT account_id, bucket, currency,
           link_key, offer_id, list_id, creative_id, campaign_id, country, device,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, conversions, revenue, pending_conversions,
           pending_revenue
    FROM conversion_facts
),
finest AS (
    SELECT account_id, bucket, currency, offer_id, list_id, creative_id, campaign_id, country,
           device, sends, messages, delivered_sends, delivered_messages, failed_sends,
           failed_messages, clicks, unique_clicks, bot_clicks, confirmed_clicks, costed_clicks,
           click_cost, conversions, revenue, pending_conversions, pending_revenue
    FROM facts
    UNION ALL
    SELECT account_id, bucket, '', offer_id, list_id, creative_id, NULL, NULL, NULL,
           1, is_first, delivered, delivered * is_first, failed, failed * is_first,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM sent_links
    WHERE is_first_of_offer
),
expected_totals AS (
    SELECT account_id, s.span, r.dimension, s.bucket, r.key, currency,
           r.offer_id, r.list_id, r.creative_id, r.campaign_id, r.country, r.device,
           sum(n.sends)::int AS sends,
           sum(n.messages)::int AS messages,
           sum(n.delivered_sends)::int AS delivered_sends,
           sum(n.delivered_messages)::int AS delivered_messages,
           sum(n.failed_sends)::int AS failed_sends,
           sum(n.failed_messages)::int AS failed_messages,
           sum(clicks)::int AS clicks,
           sum(unique_clicks)::int AS unique_clicks,
           sum(bot_clicks)::int AS bot_clicks,
           sum(confirmed_clicks)::int AS confirmed_clicks,
           sum(costed_clicks)::int AS costed_clicks,
           sum(click_cost) AS click_cost,
           sum(conversions)::int AS conversions,
           sum(revenue) AS revenue,
           sum(pending_conversions)::int AS pending_conversions,
           sum(pending_revenue) AS pending_revenue
    FROM finest c
    CROSS JOIN LATERAL (
        VALUES ('quarter', c.bucket), ('day', date_trunc('day', c.bucket, 'UTC'))
    ) AS s (span, bucket)
    CROSS JOIN LATERAL (
        VALUES
            ('all', '', NULL, NULL, NULL, NULL, NULL, NULL, 'once'),
            ('offer', coalesce(c.offer_id, ''), c.offer_id, NULL, NULL, NULL, NULL, NULL, 'offer'),
            ('list', coalesce(c.list_id::text, ''), NULL, c.list_id, NULL, NULL, NULL, NULL, 'once'),
            ('creative', coalesce(c.creative_id::text, ''), NULL, NULL, c.creative_id, NULL, NULL, NULL, 'once'),
            ('campaign', coalesce(c.campaign_id, ''), NULL, NULL, NULL, c.campaign_id, NULL, NULL, 'never'),
            ('country', coalesce(c.country, ''), NULL, NULL, NULL, NULL, c.country, NULL, 'never'),
            ('device', coalesce(c.device, ''), NULL, NULL, NULL, NULL, NULL, c.device, 'never'),
            ('content',
             concat_ws('|', coalesce(c.offer_id, ''), coalesce(c.list_id::text, ''),
                       coalesce(c.creative_id::text, ''), coalesce(c.campaign_id, '')),
             c.offer_id, c.list_id, c.creative_id, c.campaign_id, NULL, NULL, 'each'),
            ('audience', concat_ws('|', coalesce(c.country, ''), coalesce(c.device, '')),
             NULL, NULL, NULL, NULL, c.country, c.device, 'never'),
            ('cell',
             concat_ws('|', coalesce(c.offer_id, ''), coalesce(c.list_id::text, ''),
                       coalesce(c.creative_id::text, ''), coalesce(c.campaign_id, ''),
                       coalesce(c.country, ''), coalesce(c.device, '')),
             c.offer_id, c.list_id, c.creative_id, c.campaign_id, c.country, c.device, 'each')
    ) AS r (dimension, key, offer_id, list_id, creative_id, campaign_id, country, device, send_counts)
    -- Whether rows of the dimension count the message, each of its offers, both, or no sends.
    JOIN LATERAL (
        VALUES
            ('once', c.messages, c.messages, c.delivered_messages, c.delivered_messages,
             c.failed_messages, c.failed_messages),
            ('offer', c.sends, c.sends, c.delivered_sends, c.delivered_sends, c.failed_sends,
             c.failed_sends),
            ('each', c.sends, c.messages, c.delivered_sends, c.delivered_messages, c.failed_sends,
             c.failed_messages),
            ('never', 0, 0, 0, 0, 0, 0)
    ) AS n (send_counts, sends, messages, delivered_sends, delivered_messages, failed_sends, failed_messages)
        ON n.send_counts = r.send_counts
    GROUP BY account_id, s.span, r.dimension, s.bucket, r.key, currency,
             r.offer_id, r.list_id, r.creative_id, r.campaign_id, r.country, r.device
),
expected_link_totals AS (
    SELECT account_id, link_key, bucket,
           coalesce(country, '') AS country, coalesce(device, '') AS device, currency,
           sum(sends)::int AS sends,
           sum(messages)::int AS messages,
           sum(delivered_sends)::int AS delivered_sends,
           sum(delivered_messages)::int AS delivered_messages,
           sum(failed_sends)::int AS failed_sends,
           sum(failed_messages)::int AS failed_messages,
           sum(clicks)::int AS clicks,
           sum(unique_clicks)::int AS unique_clicks,
           sum(bot_clicks)::int AS bot_clicks,
           sum(confirmed_clicks)::int AS confirmed_clicks,
           sum(costed_clicks)::int AS costed_clicks,
           sum(click_cost) AS click_cost,
           sum(conversions)::int AS conversions,
           sum(revenue) AS revenue,
           sum(pending_conversions)::int AS pending_conversions,
           sum(pending_revenue) AS pending_revenue
    FROM (
        SELECT account_id, link_key, bucket, country, device, currency, sends, messages,
               delivered_sends, delivered_messages, failed_sends, failed_messages, clicks,
               unique_clicks, bot_clicks, confirmed_clicks, costed_clicks, click_cost, conversions,
               revenue, pending_conversions, pending_revenue
        FROM facts
        WHERE link_key IS NOT NULL
        UNION ALL
        SELECT account_id, link_key, bucket, NULL, NULL, '', 1, is_first, delivered,
               delivered * is_first, failed, failed * is_first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        FROM sent_links
        WHERE link_key IS NOT NULL
    ) AS link_counts
    GROUP BY account_id, link_key, bucket, coalesce(country, ''), coalesce(device, ''), currency
),
counted_events AS (
    -- Custom events for which the account had no more room are counted together.
    SELECT f.*,
           CASE
               WHEN event IN ('sale', 'lead', 'rebill', 'refund', 'chargeback', 'install', 'signup', 'trial')
                   OR EXISTS (
                       SELECT FROM account_events e WHERE e.account_id = f.account_id AND e.event = f.event
                   )
               THEN event
               ELSE 'other'
           END AS counted_event
    FROM conversion_facts f
),
expected_event_totals AS (
    SELECT account_id, bucket,
           concat_ws('|', counted_event, coalesce(link_key::text, ''), coalesce(offer_id, ''),
                     coalesce(list_id::text, ''), coalesce(creative_id::text, ''),
                     coalesce(campaign_id, ''), coalesce(country, ''), coalesce(device, '')) AS key,
           currency, counted_event AS event, link_key, offer_id, list_id, creative_id, campaign_id,
           country, device,
           sum(conversions)::int AS conversions,
           sum(revenue) AS revenue,
           sum(pending_conversions)::int AS pending_conversions,
           sum(pending_revenue) AS pending_revenue
    FROM counted_events
    GROUP BY account_id, bucket, currency, counted_event, link_key, offer_id, list_id, creative_id,
             campaign_id, country, device
)
