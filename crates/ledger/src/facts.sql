SELECT c.clicked_at AS bucket, c.link_key, c.offer_id, c.list_id, c.creative_id, c.campaign_id,
       c.message_id, c.country, c.device, c.sub1, c.sub2, c.sub3, c.sub4, c.sub5, c.source,
       c.os, c.browser, c.language, c.region, c.city, c.asn AS network, c.bot_reasons,
       c.bot_rules, NULL AS event,
       CASE WHEN c.is_bot THEN '' ELSE coalesce(c.click_cost_currency, '') END AS currency,
       0 AS sends, 1 AS clicks,
       (NOT c.is_bot AND {is_message_click})::integer AS unique_clicks,
       c.is_bot::integer AS bot_clicks, c.confirmed::integer AS confirmed_clicks,
       (NOT c.is_bot AND c.click_cost IS NOT NULL)::integer AS costed_clicks,
       CASE WHEN c.is_bot THEN 0 ELSE coalesce(c.click_cost, 0) END AS click_cost,
       0 AS conversions, 0::numeric AS revenue, 0 AS pending_conversions,
       0::numeric AS pending_revenue
FROM {periods} clicks c
WHERE c.account_id = $1 AND c.clicked_at >= {start} AND c.clicked_at < {end}
UNION ALL
SELECT v.converted_at, v.credited_link_key, v.credited_offer_id, v.credited_list_id,
       v.credited_creative_id, v.credited_campaign_id, v.credited_message_id,
       v.credited_country, v.credited_device, k.sub1, k.sub2, k.sub3, k.sub4, k.sub5, k.source,
       k.os, k.browser, k.language, k.region, k.city, k.asn, coalesce(k.bot_reasons, '{}'),
       coalesce(k.bot_rules, '{}'), v.event, v.currency, 0, 0, 0, 0, 0, 0, 0,
       CASE WHEN v.status = 'approved' THEN n.conversions ELSE 0 END,
       CASE WHEN v.status = 'approved' THEN n.revenue ELSE 0 END,
       CASE WHEN v.status = 'pending' THEN n.conversions ELSE 0 END,
       CASE WHEN v.status = 'pending' THEN n.revenue ELSE 0 END
FROM {periods} conversions v
CROSS JOIN LATERAL (
    SELECT CASE WHEN v.event IN ('refund', 'chargeback') THEN 0 ELSE 1 END AS conversions,
           CASE WHEN v.event IN ('refund', 'chargeback') THEN -1 ELSE 1 END
               * coalesce(v.counted_amount, v.revenue, v.payout, 0) AS revenue
) AS n
LEFT JOIN clicks k
    ON k.clicked_at = v.credited_clicked_at AND k.click_id = v.credited_click_id
WHERE v.account_id = $1
  AND v.converted_at >= {start}
  AND v.converted_at < {end}
  AND v.attribution <> 'none'
  AND v.status IN ('approved', 'pending')
